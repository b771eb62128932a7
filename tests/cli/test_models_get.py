# ruff: noqa: E402
"""From published weights to an answer: `whence models get`, then `whence locate --model`, with tiny weights."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
pytest.importorskip("transformers", reason="transformers comes with the extra towers")

import made_bundles
import made_published
from program import environment
from whence.cli.main import program
from whence.core.bundle import load_bundle
from whence.encode.bundled import AlignmentModel
from whence.encode.published import published
from whence.evidence.prompts.model import LabelKind, PromptModel
from whence.train.obtain.geoclip import HEAD, LOCATION, load_head, load_location
from whence.train.obtain.prompts import nothing_pictures, read_scale, towers
from whence.train.obtain.texts import prompt_labels

MODELS = ("geoclip", "siglip", "streetclip")


def call(*args):
    return CliRunner().invoke(program, [*map(str, args)], prog_name="whence")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Sources and the bundles made of them; every kind of prompt, few of each."""
    folder = tmp_path_factory.mktemp("place")
    made_published.clip_folder(folder / "from/clip")
    made_published.siglip_folder(folder / "from2/siglip")
    made_published.geoclip_folder(folder / "from/weights")
    (folder / "photo.png").write_bytes(made_bundles.picture_of(46.0, 8.0, size=(64, 48)))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHENCE_CACHE", str(folder / "cache"))
        patch.setenv("WHENCE_MODELS", "")
        patch.setattr("whence.train.obtain.prompts.prompt_labels", few_labels)
        for name in MODELS:
            source = folder / ("from2" if name == "siglip" else "from")
            done = call("models", "get", name, "--from", source, "--yes")
            assert done.exit_code == 0, done.output
            assert "Licence: " in done.stderr
            assert "Not the published weights: " in done.stderr
            assert f"whence locate photo.jpg --model {name}" in done.stdout
        yield folder
    torch.set_num_threads(before)


def few_labels(model):
    labels = prompt_labels(model)
    few = []
    for kind, most in zip(LabelKind, (40, 12, 12, 12), strict=True):
        few += [label for label in labels if label.kind is kind][:most]
    return tuple(few)


def pixels_of(model):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    return model.preprocessing.normalise(pictures)


def unit(rows):
    return torch.nn.functional.normalize(rows, dim=1).detach().numpy()


def test_they_are_listed_and_whole_and_the_card_holds_every_hash(place):
    listed = {item["called"]: item for item in json.loads(call("models", "--json").stdout)["models"]}
    assert set(listed) >= set(MODELS)
    card = listed["geoclip"]
    assert set(card["parts"]) == {"activation.npy", "basis.npy", "image.onnx", "location.onnx"}
    assert "not the published weights" in card["title"]
    parts = card["config"]["recipe"]["made_from"]
    for part, folder in zip(parts, ("clip", "weights"), strict=True):
        assert part["files"]
        for name, entry in part["files"].items():
            data = (place / "from" / folder / name).read_bytes()
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
            assert entry["bytes"] == len(data)
    assert parts[0]["files"]["config.json"]["state"] == "no published hash"
    assert "tokenizer.json" not in parts[0]["files"]
    shown = call("models", "geoclip").stdout
    assert f"{HEAD} {parts[1]['files'][HEAD]['sha256'][:12]} (differs from the published file)" in shown
    assert not list((place / "cache/obtain").rglob("*.onnx"))


def test_geoclips_bundle_gives_torchs_numbers(place):
    model = AlignmentModel(load_bundle("geoclip"))
    assert model.concept_ids == ()
    assert model.settings.logit_scale == pytest.approx(math.exp(3.6810))
    weights = place / "from/weights"
    pixels = pixels_of(model)
    tower = towers(published("streetclip"), place / "from/clip")[0]
    image = unit(load_head(weights / HEAD)(tower(torch.from_numpy(pixels))))
    places = unit(load_location(weights / LOCATION)(torch.tensor([[48.0, 2.0], [-33.9, 151.2]])))
    assert np.allclose(model.embed_pixels(pixels), image, atol=1e-4)
    assert np.allclose(model.embed_places([48.0, -33.9], [2.0, 151.2]), places, atol=5e-4)


@pytest.mark.parametrize(("name", "folder"), [("streetclip", "from/clip"), ("siglip", "from2/siglip")])
def test_bundles_of_prompts_give_torchs_numbers(place, name, folder):
    model = PromptModel.load(name)
    labels = few_labels(published(name))
    assert model.labels == labels
    assert model.settings.logit_scale == pytest.approx(read_scale(place / folder))
    image, text = towers(published(name), place / folder)
    assert np.allclose(model.prompts, text.encode([label.prompt for label in labels]), atol=1e-5)
    pixels = pixels_of(model)
    embedded = unit(image(torch.from_numpy(pixels)))
    found = model.bundle.session("image").run(["embedding"], {"pixels": pixels})[0]
    assert np.allclose(found, embedded, atol=1e-4)
    nothing = unit(image(torch.from_numpy(nothing_pictures(model.preprocessing))))
    base = (nothing @ model.prompts.T).mean(axis=0)
    assert np.allclose(model.base, base, atol=1e-5)
    expected = model.settings.logit_scale * (embedded @ model.prompts.T - base)
    assert np.allclose(model.scores(embedded), expected, atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_a_picture_is_located_and_the_ledger_accounts_for_the_model(place, name):
    done = call("locate", place / "photo.png", "--model", name, "--sources", published(name).kind, "--json", "-")
    assert done.exit_code == 0, done.output
    line = json.loads(done.stdout)
    source = published(name).kind
    (entry,) = line["ledger"]
    assert entry["source"] == source
    assert entry["failure"] is None
    assert line["versions"][source] == load_bundle(name).hash[:16]
    assert entry["claims"]
    assert all(claim["without"] for claim in entry["claims"] if claim["kind"] != "looks like concepts")
    if source == "prompts":
        kinds = {claim["kind"] for claim in entry["claims"]}
        assert {"looks like a country", "looks like other countries", "looks like concepts"} <= kinds


def test_serving_needs_no_torch(place):
    said = "import sys; assert not {'torch', 'transformers', 'onnx'} & set(sys.modules)"
    code = (
        "from whence.pipeline import locate\n"
        f"for name in {MODELS}:\n"
        f"    locate({str(place / 'photo.png')!r}, model=name, sources=('alignment', 'prompts'))\n{said}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr


def test_a_model_that_is_not_there_names_those_that_are_and_that_could_be(place, tmp_path):
    unknown = call("locate", place / "photo.png", "--model", "geoclap")
    assert unknown.exit_code == 2
    for text in ("geoclap", "Did you mean 'geoclip'", "siglip", "'whence models get NAME' can make geoclip"):
        assert text in unknown.output
    twice = call("locate", place / "photo.png", "--model", "geoclip", "--set", "alignment.model=geoclip")
    assert twice.exit_code == 2
    assert "given twice" in twice.output


def test_a_model_that_could_be_made_says_how(place, tmp_path, monkeypatch):
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path))
    missing = call("locate", place / "photo.png", "--model", "streetclip")
    assert missing.exit_code == 2
    assert "whence models get streetclip" in missing.output


def test_a_bundle_of_a_kind_that_nothing_reads(place, tmp_path):
    folder = tmp_path / "odd"
    made_bundles.colour_bundle(folder)
    header = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**header, "kind": "odd"}))
    odd = call("locate", place / "photo.png", "--model", folder)
    assert odd.exit_code == 2
    assert "of kind 'odd', which no evidence source reads" in odd.output


def test_without_yes_and_without_a_terminal_nothing_is_made(place, tmp_path):
    refused = call("models", "get", "streetclip", "--from", place / "from", "--to", tmp_path / "made")
    assert refused.exit_code == 2
    assert "CC-BY-NC-4.0" in refused.output
    assert "accept it with --yes" in refused.output
    assert not (tmp_path / "made").exists()


def test_the_licence_is_asked_for_on_a_terminal(place, tmp_path, monkeypatch):
    monkeypatch.setattr("whence.cli.models._is_terminal", lambda: True)
    no = CliRunner().invoke(program, ["models", "get", "siglip", "--to", str(tmp_path / "made")], input="n\n")
    assert no.exit_code == 130
    assert "Do you accept it?" in no.output
    assert not (tmp_path / "made").exists()


def test_what_cannot_be_made(place, tmp_path):
    unknown = call("models", "get", "geoclap")
    assert unknown.exit_code == 2
    assert "Did you mean 'geoclip'" in unknown.output
    there = call("models", "get", "siglip", "--from", place / "from2", "--yes")
    assert there.exit_code == 2
    assert "there already" in there.output
