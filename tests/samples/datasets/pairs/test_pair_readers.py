"""Every reader of pairs: its miniature is read back, what is wrong is named, the card is whole."""

import itertools
from pathlib import Path

import pytest
from PIL import Image

from whence.core.errors import InputError, OptionError
from whence.samples.datasets import datasets
from whence.samples.datasets.pairs import pair_sets
from whence.samples.datasets.pairs.listing import PICTURES

NAMES = pair_sets().names()


@pytest.fixture(params=NAMES)
def kind(request):
    if request.param == "cvact":
        pytest.importorskip("scipy", reason="the extra scale is not installed")
    return pair_sets().load(request.param)


@pytest.fixture
def root(kind, tmp_path):
    (tmp_path / "set").mkdir()
    return kind.make_miniature(tmp_path / "set", seed=3)


def indexes(root):
    return [path for path in root.rglob("*") if path.is_file() and path.suffix.lower() not in PICTURES]


def test_the_published_sets_are_there():
    assert set(NAMES) == {
        "cvusa", "cvact", "vigor", "university1652", "sues200", "denseuav", "gta_uav", "uav_visloc", "pairs_csv",
    }  # fmt: skip
    assert not set(NAMES) & set(datasets().names())
    with pytest.raises(OptionError, match="vigor"):
        pair_sets().load("vigr")


def test_the_card_is_whole(kind):
    card = kind.CARD
    assert all(text.strip() for text in (card.title, card.paper, card.licence, card.home, card.size, card.layout))
    assert card.layout.endswith(".")
    assert card.flaws
    assert all(flaw.endswith(".") for flaw in card.flaws)


def test_its_miniature_is_read_back(kind, root):
    for part in kind.PARTS:
        pairs = list(kind(root, part))
        assert len(pairs) >= 2
        assert len({pair.query for pair in pairs}) == len(pairs)
        assert list(kind(root, part).missing()) == []
        gallery = set(kind(root, part).gallery())
        for pair in pairs:
            assert pair.query_kind in kind.KINDS
            assert pair.place
            assert pair.references[0].positive
            assert set(pair.positives) <= set(pair.references)
            assert {item.path for item in pair.references} <= gallery
            assert (pair.lat_deg is None) == (pair.lon_deg is None)
            assert all(item.overlap is None or 0 <= item.overlap <= 1 for item in pair.references)
            for item in pair.references:
                if item.at_px is not None and item.size_px is not None and item.positive:
                    assert all(0 <= at <= side for at, side in zip(item.at_px, item.size_px, strict=True))
            with Image.open(pair.query) as picture:
                assert picture.size == (64, 64)


def test_reading_is_lazy_and_repeatable(kind, root):
    pairs = kind(root)
    first = list(itertools.islice(pairs, 2))
    assert first == list(itertools.islice(pairs, 2))


def test_the_same_seed_makes_the_same_miniature(kind, root, tmp_path):
    (tmp_path / "again").mkdir()
    again = kind.make_miniature(tmp_path / "again", seed=3)
    names = [path.relative_to(root) for path in indexes(root) if path.suffix != ".mat"]  # those hold the time
    assert [(root / name).read_bytes() for name in names] == [(again / name).read_bytes() for name in names]
    pictures = sorted(path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in PICTURES)
    assert all((root / name).read_bytes() == (again / name).read_bytes() for name in pictures)


def test_a_missing_picture_is_named_or_left_out(kind, root):
    if kind.__name__ in {"University1652", "Sues200", "DenseUav"}:
        pytest.skip("the folder of pictures is the index: what is not there is not listed")
    pairs = list(kind(root))
    gone = pairs[1].references[0].path
    gone.unlink()
    with pytest.raises(InputError) as said:
        list(kind(root))
    assert gone.stem in str(said.value) or gone.parent.name in str(said.value)
    assert kind.CARD.layout in str(said.value)
    assert gone.name in {path.name for path in kind(root).missing()}
    left = list(kind(root, skip_missing=True))
    assert left == [pair for pair in pairs if all(item.path != gone for item in pair.references)]


def test_an_empty_folder_says_what_is_expected(kind, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There is no index") as said:
        list(kind(tmp_path / "empty"))
    assert kind.CARD.layout in str(said.value)
    assert kind.CARD.home in str(said.value)


def test_a_foreign_index_is_refused(kind, root):
    if not indexes(root):
        pytest.skip("the folder of pictures is the index")
    for index in indexes(root):
        index.write_text("a,b\n1,2\n")
    with pytest.raises(InputError):
        list(kind(root))


def test_bad_parts_and_roots(kind, root):
    with pytest.raises(OptionError, match="part of"):
        kind(root, "sideways")
    with pytest.raises(InputError, match="There is no folder"):
        kind(root / "none")


def test_every_pair_set_is_documented():
    page = (Path(__file__).resolve().parents[4] / "docs" / "crossview-datasets.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in NAMES)
