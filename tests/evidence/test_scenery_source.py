"""The source `scenery` on bundles of a tiny graph: claims add up, interventions move what they say, walls count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra train is not installed")

from whence.concepts.bank import bank  # noqa: E402
from whence.concepts.place_vectors import PlaceVectors, place_partition  # noqa: E402
from whence.core.bundle import BundleHeader, write_bundle  # noqa: E402
from whence.core.errors import ArtifactError, OptionError  # noqa: E402
from whence.earth.field import Field  # noqa: E402
from whence.encode.preprocessing import Preprocessing  # noqa: E402
from whence.evidence.scenery import Config, Scenery  # noqa: E402
from whence.evidence.scenery.model import KIND  # noqa: E402
from whence.pipeline import Locator, Options  # noqa: E402
from whence.samples.view import Query, View, ViewKind  # noqa: E402

_SIDE = 8


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path_factory.getbasetemp() / "scenery-source-cache"))


def _ids() -> tuple[str, ...]:
    """Three grounded concepts, in the bank's order."""
    grounded = [concept.id for concept in bank().grounded]
    wanted = [name for name in grounded if name.split("/")[0] in {"terrain", "settlement", "water"}]
    return (wanted[0], wanted[len(wanted) // 2], wanted[-1])


def _bundle(folder: Path, **changes: Any) -> Path:
    """A model whose features are the mean colours of the picture."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("ReduceMean", ["pixels", "axes"], ["features"], keepdims=0)],
        "colours",
        [onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, ["n", 3, _SIDE, _SIDE])],
        [onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", 3])],
        [onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "axes")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)
    ids = changes.pop("ids", _ids())
    arrays: dict[str, np.ndarray] = {
        "mean": np.zeros(3, np.float32),
        "weights": np.eye(3, dtype=np.float32)[:, : len(ids)],
        "general": np.full(len(ids), 0.2, np.float32),
        "centre": np.full(len(ids), 0.2, np.float32),
        "factor": np.full(len(ids), 2.0, np.float32),
    }
    config: dict[str, Any] = {"temperature": 1.5, "mirrored": True, "views": "ground"}
    if changes.pop("classes", False):
        # Red pictures are desks, green ones alps.
        arrays["classifier"] = np.array([[0, 0, 0, 0], [20, 0, 0, 0], [0, 20, 0, 0]], np.float16)
        config |= {"labels": ["background", "desk", "alp"], "indoor": [1], "outdoor": [2]}
    header = BundleHeader(
        name="made",
        kind=changes.pop("kind", KIND),
        title="Made for tests.",
        licence="CC0-1.0",
        training_data="none",
        preprocessing=Preprocessing(
            crop_px=_SIDE,
            resize_px=_SIDE,
            resize="squash",
            mean_r=0.0,
            mean_g=0.0,
            mean_b=0.0,
            deviation_r=1.0,
            deviation_g=1.0,
            deviation_b=1.0,
        ).to_dict(),
        concepts={"bank": bank().hash, "ids": list(ids)},
        calibration=changes.pop("calibration", {}),
        config={**config, **changes.pop("config", {})},
    )
    write_bundle(folder, header, {**arrays, **changes}, {"image": model.SerializeToString()})
    return folder


def _query(*colours: tuple[int, int, int], kind: ViewKind = ViewKind.GROUND) -> Query:
    views = tuple(
        View(np.full((12, 16, 3), colour, np.uint8), (16, 12), f"{i}.jpg", f"{i:064d}", "JPEG", kind)
        for i, colour in enumerate(colours)
    )
    return Query(views=views)


def _total(source: Scenery, query: Query) -> Field:
    found = [claim.likelihood for claim in source.read(query) if claim.likelihood is not None]
    return Field.sum(found)


def test_claims_add_up_to_strengths_times_what_the_layers_say(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    total = _total(Scenery(Config(model=str(folder), top_concepts=1)), _query((200, 100, 50)))
    vectors = PlaceVectors(_ids(), np.full(3, 0.2), np.full(3, 2.0))
    colour = np.array([200, 100, 50]) / 255
    strengths = colour / np.linalg.norm(colour) + 0.2
    lat, lon = place_partition().lat_deg, place_partition().lon_deg
    expected = vectors.at(lat, lon) @ strengths / 1.5
    np.testing.assert_allclose(total.values, expected, atol=5e-3)


def test_how_many_concepts_speak_for_themselves_does_not_change_the_sum(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    sums = [
        _total(Scenery(Config(model=str(folder), top_concepts=top)), _query((10, 200, 90))).values for top in (0, 1, 3)
    ]
    np.testing.assert_allclose(sums[0], sums[1], atol=1e-9)
    np.testing.assert_allclose(sums[0], sums[2], atol=1e-9)


def test_an_intervention_moves_the_likelihood_as_its_claim_said(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    query = _query((200, 100, 50))
    plain = Scenery(Config(model=str(folder), top_concepts=3))
    name = bank()[_ids()[0]].name()
    told = next(claim for claim in plain.read(query) if claim.read.startswith(name + ":"))
    without = Scenery(Config(model=str(folder), top_concepts=3, set=f"{_ids()[0]}=0"))
    assert told.likelihood is not None
    np.testing.assert_allclose(
        _total(plain, query).values - _total(without, query).values, told.likelihood.values, atol=1e-9
    )
    assert any("(set; the picture has" in claim.read for claim in without.read(query))


def test_where_pictures_are_taken_in_general_counts_once_for_several_views_and_can_be_left_out(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    several = Scenery(Config(model=str(folder))).read(_query((200, 0, 0), (0, 200, 0)))
    assert sum(claim.kind == "pictures in general" for claim in several) == 1
    assert {claim.view for claim in several} == {0, 1}
    silent = Scenery(Config(model=str(folder), general=False)).read(_query((200, 0, 0)))
    assert not any(claim.kind == "pictures in general" for claim in silent)


def test_what_is_taken_indoors_counts_for_less(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made", classes=True)
    source = Scenery(Config(model=str(folder), general=False))
    inside, outside = (_total(source, _query(colour)) for colour in ((200, 0, 0), (0, 200, 0)))
    assert np.ptp(inside.values) < 0.2 * np.ptp(outside.values)
    remark = source.read(_query((200, 0, 0)))[-1]
    assert remark.likelihood is None
    assert "desk" in remark.read
    assert "indoors" in remark.implies


def test_views_that_it_was_not_trained_on_say_nothing(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    assert Scenery(Config(model=str(folder))).read(_query((9, 9, 9), kind=ViewKind.SATELLITE)) == ()


def test_no_model_means_not_set_up() -> None:
    source = Scenery(Config(model=""))
    assert not source.is_set_up
    assert "scenery.model" in (source.availability() or "")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"kind": "alignment"}, "kind 'alignment'"),
        ({"ids": ("terrain/mountains", "no/such")}, "not known"),
        ({"general": np.zeros(2, np.float32)}, "do not fit together"),
        ({"config": {"temperature": -1.0}}, "temperature"),
        ({"config": {"temprature": 1.0}}, "temperature"),
    ],
)
def test_bundles_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    folder = _bundle(tmp_path / "made", **changes)
    with pytest.raises(ArtifactError, match=match):
        Scenery(Config(model=str(folder)))


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    with pytest.raises(OptionError, match="temperature"):
        Config(temperature=0.0)
    with pytest.raises(OptionError, match="CONCEPT=STRENGTH"):
        Config(set="terrain/mountains")
    with pytest.raises(OptionError, match="concept of the model"):
        Scenery(Config(model=str(folder), set="culture/no_such=1"))


def test_locate_with_the_model_and_the_calibration_of_its_bundle(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "made")
    locator = Locator(Options(model=str(folder), sources=("scenery",)))
    found = locator.ask(_query((200, 100, 50)))
    ledger = found.ledger
    assert [entry.source for entry in ledger.entries] == ["scenery"]
    parts = ledger.prior_bits + ledger.entries[0].bits + ledger.agreement_bits
    assert parts == pytest.approx(ledger.total_bits, abs=1e-9)
    assert locator.versions["scenery"]
