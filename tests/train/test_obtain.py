# ruff: noqa: E402
"""From folders of published weights to bundles: found, hashed, compared, exported, gone on with."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
pytest.importorskip("transformers", reason="transformers comes with the extra towers")

import made_published
from whence.core.errors import ArtifactError, OptionError
from whence.encode.published import PUBLISHED, published
from whence.evidence.prompts.model import LabelKind
from whence.train.obtain import Request, build_bundle, find_all
from whence.train.obtain.geoclip import load_head, load_location, load_scale
from whence.train.obtain.prompts import read_scale, towers
from whence.train.obtain.texts import prompt_labels


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    made_published.clip_folder(folder / "clip")
    made_published.siglip_folder(folder / "siglip")
    made_published.geoclip_folder(folder / "weights")
    return folder


def pictures(count=3, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_the_catalogue_is_complete():
    assert set(PUBLISHED) == {"geoclip", "siglip", "streetclip"}
    for model in PUBLISHED.values():
        assert all((model.title, model.paper, model.licence, model.notice, model.training_data))
        for origin in filter(None, (model.tower, model.weights)):
            assert origin.sha256
            assert all(len(value) == 64 for value in origin.sha256.values())
            assert not origin.hub or len(origin.revision) == 40
        assert (model.kind == "prompts") == ("{place}" in model.template)


def test_a_half_without_the_length_of_the_embedding_gets_it_and_the_folder_stays(sources):
    before = (sources / "clip/config.json").read_bytes()
    assert json.loads(before)["vision_config"]["projection_dim"] == 512
    image, text = towers(published("streetclip"), sources / "clip")
    assert image.dim == text.dim == made_published.DIM
    assert (sources / "clip/config.json").read_bytes() == before


def test_published_files_keep_the_published_card(sources, tmp_path):
    tower = published("geoclip").tower
    hashes = {
        "model.safetensors": hashlib.sha256((sources / "clip/model.safetensors").read_bytes()).hexdigest(),
    }
    weights = published("geoclip").weights
    model = replace(published("geoclip"), tower=replace(tower, sha256=hashes), weights=replace(weights, sha256={}))
    found = find_all(Request(model, tmp_path / "made", (sources,)))
    assert not found[0].different + found[1].different
    states = {record.name: record.state for record in found[0].records}
    assert states["model.safetensors"] == "as published"


def test_what_is_asked_names_every_country_once_and_nothing_twice():
    for name in ("streetclip", "siglip"):
        labels = prompt_labels(published(name))
        codes = [label.code for label in labels if label.kind is LabelKind.COUNTRY]
        assert len(codes) == len(set(codes)) == 250
        assert {label.code[:2] for label in labels if label.kind is LabelKind.DIVISION} >= {"US", "BR", "CN"}
        cities = [label for label in labels if label.kind is LabelKind.CITY]
        assert 300 < len(cities) < 1000
    by_code = {(label.kind, label.code): label.prompt for label in labels}
    assert by_code[LabelKind.COUNTRY, "PT"] == "this is a photo taken in portugal"
    street = {(label.kind, label.code): label.prompt for label in prompt_labels(published("streetclip"))}
    assert street[LabelKind.COUNTRY, "PT"] == "A Street View photo in Portugal."
    assert street[LabelKind.DIVISION, "US.NV"] == "A Street View photo in Nevada, United States."


def test_a_damaged_step_is_done_again(tmp_path):
    from whence.train.obtain.steps import Steps

    steps = Steps((), "x", 1, None)
    assert steps.graph("a", "", lambda: b"one") == b"one"
    assert steps.graph("a", "", lambda: b"two") == b"one"
    (steps.folder / "a").write_bytes(b"broken")
    assert steps.graph("a", "", lambda: b"three") == b"three"


# ------------------------------------------------------------------------------------------------ what cannot be


def test_offline_the_remedy_is_named(tmp_path):
    with pytest.raises(
        ArtifactError, match=r"(?s)not on|There is no model geolocal/StreetCLIP.*--download.*--from FOLDER"
    ):
        find_all(Request(published("streetclip"), tmp_path / "made"))
    with pytest.raises(ArtifactError, match=r"cannot be fetched.*huggingface.co/geolocal/StreetCLIP.*--from"):
        find_all(Request(published("streetclip"), tmp_path / "made", download=True))


def test_folders_without_the_files_say_what_is_needed(sources, tmp_path, monkeypatch):
    monkeypatch.setattr("whence.train.obtain.files.find_spec", lambda name: None)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ArtifactError, match=r"empty: here is not the model google/siglip2.*needs config.json"):
        find_all(Request(published("siglip"), tmp_path / "made", (empty,)))
    with pytest.raises(ArtifactError, match=r"pip install --no-deps geoclip"):
        find_all(Request(published("geoclip"), tmp_path / "made", (sources / "clip",)))
    with pytest.raises(OptionError, match="is no folder"):
        find_all(Request(published("siglip"), tmp_path / "made", (tmp_path / "nowhere",)))
    (tmp_path / "made").mkdir()
    with pytest.raises(OptionError, match="there already"):
        find_all(Request(published("siglip"), tmp_path / "made", (sources / "siglip",)))


def test_the_hubs_cache_is_read_and_other_hashes_are_refused(sources, tmp_path, monkeypatch):
    tower = published("siglip").tower
    cached = tmp_path / "hub" / f"models--{tower.hub.replace('/', '--')}" / "snapshots" / tower.revision
    shutil.copytree(sources / "siglip", cached)
    request = Request(published("siglip"), tmp_path / "made")
    with pytest.raises(ArtifactError, match=r"model.safetensors.* differs from what was published"):
        find_all(request)
    same = replace(tower, sha256={})
    found = find_all(replace(request, model=replace(published("siglip"), tower=same)))
    assert found[0].folder == cached
    assert found[0].describe()["from"] == "as published by its authors"


def test_weights_of_another_layout_are_refused(sources, tmp_path):
    weights = sources / "weights"
    with pytest.raises(ArtifactError, match="holds no projection"):
        load_head(weights / "location_encoder_weights.pth")
    with pytest.raises(ArtifactError, match="holds no location encoder"):
        load_location(weights / "image_encoder_mlp_weights.pth")
    with pytest.raises(ArtifactError, match="holds no single number"):
        load_scale(weights / "image_encoder_mlp_weights.pth")
    other = made_published.geoclip_folder(tmp_path / "other", inputs=20)
    request = Request(published("geoclip"), tmp_path / "made", (sources / "clip", other))
    with pytest.raises(ArtifactError, match="CLIP gives 16 numbers, the projection takes 20"):
        build_bundle(request, find_all(request))
    with pytest.raises(ArtifactError, match="logit_scale"):
        read_scale(weights)


def test_an_interrupted_build_goes_on_and_the_work_is_dropped_at_the_end(sources, tmp_path, monkeypatch):
    from whence.train.obtain import geoclip

    request = Request(published("geoclip"), tmp_path / "made", (sources,))
    found = find_all(request)
    calls = []

    def export(module, examples, inputs, outputs, **more):
        calls.append(inputs[0])
        if calls == ["lat_lon_deg", "pixels"]:
            raise KeyboardInterrupt
        return inputs[0].encode()

    monkeypatch.setattr(geoclip, "export_graph", export)
    with pytest.raises(KeyboardInterrupt):
        build_bundle(request, found)
    assert not request.folder.exists()
    kept = tmp_path / "cache" / "obtain"
    assert [item.name for item in kept.rglob("*.onnx")] == ["location.onnx"]
    made = build_bundle(request, found)
    assert calls == ["lat_lon_deg", "pixels", "pixels"]
    assert (made.folder / "location.onnx").read_bytes() == b"lat_lon_deg"
    assert not list(kept.rglob("*.onnx"))
