"""Every reader of the registry: its miniature is read back, what is wrong is named, the card is whole."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whence.core.errors import InputError, OptionError
from whence.samples.datasets import datasets, miniature
from whence.samples.datasets.types import positions

NAMES = datasets().names()


@pytest.fixture(params=NAMES)
def kind(request):
    return datasets().load(request.param)


@pytest.fixture
def root(kind, tmp_path):
    return kind.make_miniature(tmp_path / "set", seed=3)


def indexes(root):
    return list(root.rglob("*.csv"))


def put_latitude(index, text):
    """Write a text in place of the latitude of the second sample; indexes without places stay as they are."""
    with index.open(newline="") as file:
        rows = list(csv.reader(file))
    names = {"LAT", "lat", "latitude", "lat_deg", "answer"}
    column = next((i for i, name in enumerate(rows[0]) if name in names), None)
    if column is not None:
        _, comma, rest = rows[2][column].partition(",")
        rows[2][column] = text + comma + rest
    with index.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_the_published_sets_are_there():
    assert {"im2gps", "geocomp", "earthwhere", "geochain"} <= set(NAMES)
    assert {"mp16", "osv5m", "im2gps3k", "yfcc4k", "yfcc26k", "gws15k", "s2_100k", "photos_csv"} <= set(NAMES)
    with pytest.raises(OptionError, match="osv5m"):
        datasets().load("osv5")


def test_the_card_is_whole(kind):
    card = kind.CARD
    for text in (card.title, card.paper, card.licence, card.home, card.size, card.layout):
        assert text.strip()
    assert card.layout.endswith(".")
    assert card.flaws
    assert all(flaw.endswith(".") for flaw in card.flaws)


def test_its_miniature_is_read_back(kind, root):
    for part in kind.PARTS:
        samples = list(kind(root, part))
        assert len(samples) >= 4
        assert len({sample.path for sample in samples}) == len(samples)
        lat, lon = positions(samples)
        assert lat.shape == lon.shape == (len(samples),)
        assert np.abs(lat).max() <= 90
        paris = miniature.places(1, 0)[0]
        assert np.hypot(lat[0] - paris[0], lon[0] - paris[1]) < 3  # the first town of every miniature, not its mirror
        if samples[0].path.suffix == ".jpg":  # Pillow knows no pictures of twelve bands
            with Image.open(samples[0].path) as picture:
                assert min(picture.size) >= 32
        assert list(kind(root, part).missing()) == []
        assert all(value.strip() for sample in samples for value in sample.attributes.values())


def test_reading_is_lazy_and_repeatable(kind, root):
    dataset = kind(root)
    first = list(itertools.islice(dataset, 2))
    assert first == list(itertools.islice(dataset, 2))
    assert iter(dataset) is not iter(dataset)


def test_the_same_seed_makes_the_same_miniature(kind, root, tmp_path):
    again = kind.make_miniature(tmp_path / "again", seed=3)
    other = kind.make_miniature(tmp_path / "other", seed=4)
    assert [path.read_bytes() for path in indexes(root)] == [path.read_bytes() for path in indexes(again)]
    assert positions(kind(root))[0].tolist() != positions(kind(other))[0].tolist()


def test_a_missing_picture_is_named_or_left_out(kind, root):
    samples = list(kind(root))
    gone = samples[1].path
    gone.unlink()
    with pytest.raises(InputError, match="skip_missing=True") as said:
        list(kind(root))
    assert gone.stem in str(said.value)
    assert kind.CARD.layout in str(said.value)
    assert [path.name for path in kind(root).missing()] == [gone.name]
    left = list(kind(root, skip_missing=True))
    assert [item.path for item in left] == [item.path for item in samples if item.path != gone]


def test_a_missing_or_foreign_index_says_what_is_expected(kind, root):
    for index in indexes(root):
        index.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks the columns"):
        list(kind(root))
    for index in indexes(root):
        index.unlink()
    with pytest.raises(InputError, match="There is no index") as said:
        list(kind(root))
    assert kind.CARD.layout in str(said.value)
    assert kind.CARD.home in str(said.value)


def test_a_damaged_row_is_named_with_its_line(kind, root):
    for index in indexes(root):
        put_latitude(index, "north")
    with pytest.raises(InputError, match=r"line 3.*'north', which is no number"):
        list(kind(root))


def test_places_that_are_none_are_refused(kind, root):
    for index in indexes(root):
        put_latitude(index, "412.5")
    with pytest.raises(InputError, match=r"line 3.*412\.5"):
        list(kind(root))


def test_bad_parts_and_roots(kind, root):
    with pytest.raises(OptionError, match="part of"):
        kind(root, "sideways")
    with pytest.raises(InputError, match="There is no folder"):
        kind(root / "none")


def test_every_data_set_is_documented():
    page = (Path(__file__).resolve().parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in NAMES)
