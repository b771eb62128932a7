"""Every local encoder is held to the same contract; then those with files to their publications."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from made_town import seen, town
from whence.core.config import build, settings
from whence.core.errors import ArtifactError, OptionError
from whence.crossview.register.geometry import mapped, residuals
from whence.crossview.register.lighterglue import LighterGlue
from whence.crossview.register.points import match_points
from whence.encode.local import local_encoders
from whence.encode.local.sift import Config as SiftConfig
from whence.encode.local.sift import Sift
from whence.encode.local.types import LocalFeatures
from whence.encode.user_files import ASSETS_VARIABLE

NAMES = local_encoders().names()
HOMOGRAPHY = np.array([[0.95, 0.1, 20], [-0.08, 1.02, 15], [5e-5, 3e-5, 1]])


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    cv2.setNumThreads(1)
    try:
        import torch
    except ImportError:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=NAMES)
def encoder(request):
    if request.param == "aliked":
        pytest.importorskip("torch", reason="PyTorch comes with the extra train")
    return local_encoders().load(request.param).tiny(seed=1)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return town(192, seed=4)


# ------------------------------------------------------------------------------------------------ contract


def test_the_name_is_that_of_the_file(encoder):
    assert encoder.NAME in NAMES
    assert local_encoders().load(encoder.NAME) is type(encoder)


def test_the_card_and_the_settings_are_complete(encoder):
    card = encoder.CARD
    assert card.title
    assert card.paper
    assert card.licence
    assert card.weights
    assert all(setting.help for setting in settings(encoder.CONFIG))
    assert dataclasses.is_dataclass(encoder.CONFIG())


def test_an_unknown_setting_is_refused(encoder):
    with pytest.raises(OptionError, match="Did you mean 'points'"):
        build(encoder.CONFIG, {"pionts": 3}, owner=encoder.NAME)


def test_settings_out_of_range_are_refused(encoder):
    with pytest.raises(OptionError, match="points"):
        encoder.CONFIG(points=0)


def test_points_lie_in_the_picture_and_descriptors_are_unit_vectors(encoder, picture):
    found = encoder.extract(picture[:, :170])
    assert found.size_px == (170, 192)
    assert len(found) > 20
    assert found.descriptors.shape == (len(found), encoder.dim)
    assert found.descriptors.dtype == np.float32
    assert np.allclose(np.linalg.norm(found.descriptors, axis=1), 1, atol=1e-5)
    assert (found.xy_px >= 0).all()
    assert (found.xy_px <= [170, 192]).all()
    assert np.isfinite(found.score).all()


def test_the_same_picture_gives_the_same(encoder, picture):
    a, b = encoder.extract(picture), encoder.extract(picture.copy())
    assert np.array_equal(a.xy_px, b.xy_px)
    assert np.array_equal(a.descriptors, b.descriptors)


def test_no_point_lies_near_what_is_not_valid(encoder, picture):
    valid = np.ones(picture.shape[:2], bool)
    valid[:, 96:] = False
    found = encoder.extract(picture, valid)
    assert len(found)
    assert (found.xy_px[:, 0] < 97 - encoder.REACH_PX).all()


def test_nothing_valid_has_no_points(encoder, picture):
    found = encoder.extract(picture, np.zeros(picture.shape[:2], bool))
    assert len(found) == 0
    assert found.descriptors.shape == (0, encoder.dim)


def test_features_can_be_chosen(encoder, picture):
    found = encoder.extract(picture)
    few = found.chosen(np.array([2, 0]))
    assert isinstance(few, LocalFeatures)
    assert np.array_equal(few.xy_px, found.xy_px[[2, 0]])


def test_every_encoder_and_setting_is_documented(encoder):
    page = (Path(__file__).resolve().parents[3] / "docs" / "registration.md").read_text(encoding="utf-8")
    assert f"| `{encoder.NAME}` |" in page
    for setting in settings(encoder.CONFIG):
        assert f"`{setting.name}`" in page, setting.name


# ------------------------------------------------------------------------------------------------ each


def test_points_are_where_the_picture_is_moved_to(picture):
    moved = np.zeros_like(picture)
    moved[16:, 24:] = picture[:-16, :-24]
    plain = Sift(SiftConfig(equalise=False))
    a, b = plain.extract(picture), plain.extract(moved)
    pairs = match_points(a, b, ratio=0.8)
    off = b.xy_px[pairs.second] - a.xy_px[pairs.first]
    assert np.allclose(np.median(off, axis=0), [24, 16], atol=0.02)


def test_upright_sift_has_one_point_a_place(picture):
    found = Sift(SiftConfig(upright=True)).extract(picture)
    assert (found.angle_deg == 0).all()
    assert len(np.unique(np.column_stack([found.xy_px, found.scale_px]), axis=0)) == len(found)


def test_large_pictures_are_read_in_windows():
    encoder = local_encoders().load("xfeat").tiny()
    picture = np.tile(town(200, seed=2), (4, 4, 1))[:700, :780]
    found = encoder.extract(picture)
    assert found.xy_px[:, 0].max() > 720
    assert found.xy_px[:, 1].max() > 650
    assert len(np.unique(found.xy_px.round(2), axis=0)) == len(found)


@pytest.mark.parametrize("name", ["xfeat", "aliked"])
def test_a_missing_file_is_named(name, monkeypatch, tmp_path):
    if name == "aliked":
        pytest.importorskip("torch")
    kind = local_encoders().load(name)
    monkeypatch.delenv(ASSETS_VARIABLE, raising=False)
    with pytest.raises(OptionError, match=f"{name} needs the file"):
        kind(kind.CONFIG())
    with pytest.raises(OptionError, match="there is no file"):
        kind(kind.CONFIG(weights=str(tmp_path)))
    other = tmp_path / "other"
    other.write_bytes(b"no weights")
    with pytest.raises(ArtifactError, match="hashes to"):
        kind(kind.CONFIG(weights=str(other)))
    with pytest.raises(ArtifactError):
        kind(kind.CONFIG(weights=str(other), sha256=""))


@pytest.mark.parametrize(("name", "share"), [("sift", 0.9), ("xfeat", 0.7), ("aliked", 0.9)])
def test_a_known_homography_is_found_in_a_photo(name, share, shared, monkeypatch):
    """The shared notes on these files give 93 % within 3 px for ALIKED."""
    if name == "aliked":
        pytest.importorskip("torch")
    monkeypatch.setenv(ASSETS_VARIABLE, str(shared / "assets"))
    photo = cv2.imread(str(shared / "data/crossview/brighton/DJI_0018.jpg"))[:448, :448, ::-1]
    query = seen(photo, HOMOGRAPHY, 400, 400)
    kind = local_encoders().load(name)
    encoder = kind(kind.CONFIG())
    a, b = encoder.extract(query), encoder.extract(np.ascontiguousarray(photo))
    pairs = match_points(a, b, ratio=0.9)
    e = residuals(HOMOGRAPHY, a.xy_px[pairs.first], b.xy_px[pairs.second])
    assert len(pairs) > 200
    assert (e < 3).mean() > share
    off = (mapped(HOMOGRAPHY, a.xy_px[pairs.first]) - b.xy_px[pairs.second])[e < 2]
    assert np.abs(np.median(off, axis=0)).max() < 0.2  # no shift of half a pixel anywhere


def test_lighterglue_pairs_xfeat(shared, monkeypatch):
    monkeypatch.setenv(ASSETS_VARIABLE, str(shared / "assets"))
    photo = cv2.imread(str(shared / "data/crossview/brighton/DJI_0018.jpg"))[:448, :448, ::-1]
    query = seen(photo, HOMOGRAPHY, 400, 400)
    encoder = local_encoders().load("xfeat")()
    a, b = encoder.extract(query), encoder.extract(np.ascontiguousarray(photo))
    glue = LighterGlue(points=800)
    pairs = glue.match(a, b)
    assert len(pairs) > 150
    e = residuals(HOMOGRAPHY, a.xy_px[pairs.first], b.xy_px[pairs.second])
    assert (e < 12).mean() > 0.85  # it pairs places; which of two close points it takes is left to the geometry
    assert len(glue.match(a.chosen(np.arange(1)), b)) == 0
    with pytest.raises(OptionError, match="points of xfeat"):
        glue.match(Sift().extract(query), b)
