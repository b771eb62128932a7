"""Every file of the generated corpus gives what it promises."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from whence.core.errors import ImageError
from whence.samples.corpus import make_corpus
from whence.samples.corpus_bytes import COLOURS
from whence.samples.metadata import read_metadata
from whence.samples.reader import read_view
from whence.samples.view import Metadata, Position, Tagged


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


NAMES = [case.path.name for case in make_corpus(Path("unused"), write=False)]


@pytest.fixture(params=NAMES)
def case(request, corpus):
    return next(case for case in corpus if case.path.name == request.param)


def assert_metadata(found: Metadata, expected: Metadata):
    """Fields of ``expected`` that are not at their default must be found, numbers to 1e-9."""
    for field in fields(Metadata):
        want, got = getattr(expected, field.name), getattr(found, field.name)
        if want in (None, ()) or field.name == "problems":
            continue
        if isinstance(want, Tagged):
            assert got is not None, field.name
            assert got.origin == want.origin
        if isinstance(want, Tagged) and isinstance(want.value, Position):
            assert got.value.lat_deg == pytest.approx(want.value.lat_deg, abs=1e-9)
            assert got.value.lon_deg == pytest.approx(want.value.lon_deg, abs=1e-9)
        elif isinstance(want, Tagged) and isinstance(want.value, float):
            assert got.value == pytest.approx(want.value, abs=1e-9)
        else:
            assert got == want


def test_case(case):
    before = case.path.read_bytes()
    if case.error is not None:
        with pytest.raises(case.error) as caught:
            read_view(case.path)
        assert str(case.path) in str(caught.value)
        assert case.says in str(caught.value)
        assert type(caught.value) is case.error
        return
    view = read_view(case.path)
    assert view.size_px == case.size_px
    assert view.format == case.format
    assert view.kind is case.kind
    assert max(view.pixels.shape) <= 2048
    assert view.pixels.dtype == np.uint8
    assert view.pixels.shape[1] / view.pixels.shape[0] == pytest.approx(case.size_px[0] / case.size_px[1], rel=0.01)
    if case.says:
        assert any(case.says in warning for warning in view.warnings), view.warnings
    else:
        assert view.warnings == ()
    if case.problem:
        assert any(case.problem in problem for problem in view.metadata.problems), view.metadata.problems
    else:
        assert view.metadata.problems == ()
    assert_metadata(view.metadata, case.metadata)
    assert case.path.read_bytes() == before
    if case.upright_colours:
        # Two grid points per ink make the corpus's own profile a coarse one.
        assert_colours(view.pixels, 70 if case.path.name == "cmyk_profile.jpg" else 30)


def assert_colours(pixels, tolerance):
    """The middle of each quarter has the colour that the corpus gave it."""
    height, width, _ = pixels.shape
    for index, colour in enumerate(COLOURS):
        y, x = (index // 2) * height // 2 + height // 8, (index % 2) * width // 2 + width // 8
        mean = pixels[y : y + height // 4, x : x + width // 4].reshape(-1, 3).mean(axis=0)
        assert np.abs(mean - colour).max() < tolerance, (index, mean, colour)


def test_metadata_alone_equals_the_views(case):
    """`read_metadata` finds without decoding what the whole reader finds."""
    try:
        view = read_view(case.path)
    except ImageError:
        return
    assert read_metadata(case.path) == view.metadata
    assert read_metadata(case.path.read_bytes()) == view.metadata


def test_corpus_is_repeatable(corpus, tmp_path):
    again = make_corpus(tmp_path)
    assert [c.path.name for c in again] == [c.path.name for c in corpus]
    assert len({c.path.name for c in again}) == len(again)
    for a, b in zip(again, corpus, strict=True):
        if not a.path.name.endswith((".heic", ".avif")):
            assert a.path.read_bytes() == b.path.read_bytes(), a.path.name
