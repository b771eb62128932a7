"""``whence models``: listing, cards, damage."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import made_bundles
from whence.cli.main import program


def call(*args):
    return CliRunner().invoke(program, ["models", *map(str, args)], prog_name="whence")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "models"
    monkeypatch.setenv("WHENCE_MODELS", str(place))
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path / "cache"))
    return place


def shipped():
    return {item["called"] for item in json.loads(call("--json").output)["models"]}


def test_without_any_it_says_where_it_looked(folder, monkeypatch):
    monkeypatch.setattr("whence.core.folders.model_folders", lambda: (folder,))
    monkeypatch.setattr("whence.core.bundle.model_folders", lambda: (folder,))
    found = call()
    assert found.exit_code == 0
    assert f"No models were found in {folder}" in found.output
    assert "WHENCE_MODELS" in found.output


def test_models_are_listed_and_damage_is_said(folder):
    before = shipped()
    made = made_bundles.colour_bundle(folder / "colours")
    made_bundles.colour_bundle(folder / "broken")
    (folder / "broken" / "basis.npy").unlink()
    found = call()
    assert found.exit_code == 1
    assert "Colours as directions" in found.output
    assert "whole" in found.output
    listed = json.loads(call("--json").output)
    assert str(folder) in listed["looked_in"]
    by_name = {item["called"]: item for item in listed["models"]}
    assert set(by_name) - before == {"colours", "broken"}
    assert by_name["colours"]["state"] == "whole"
    assert by_name["colours"]["hash"] == made.hash
    assert by_name["colours"]["licence"] == "Apache-2.0"
    assert "basis.npy is missing" in by_name["broken"]["error"]


def test_the_card_of_one(folder):
    made = made_bundles.colour_bundle(folder / "colours")
    by_name, by_folder = call("colours"), call(folder / "colours")
    assert by_name.exit_code == 0
    assert by_name.output == by_folder.output
    for text in (
        "none: made by hand",
        "Apache-2.0",
        "logit_scale 20",
        "4 of the bank",
        "views ground satellite",
        made.hash,
    ):
        assert text in by_name.output
    assert json.loads(call("colours", "--json").output)["config"]["finest_order"] == 4


def test_one_that_is_not_there_or_damaged(folder):
    made_bundles.colour_bundle(folder / "colours")
    missing = call("colour")
    assert missing.exit_code == 2
    assert "Did you mean 'colours'" in missing.output
    (folder / "colours" / "image.onnx").write_bytes(b"changed")
    damaged = call("colours")
    assert damaged.exit_code == 4
    assert "image.onnx has 7 bytes" in damaged.output
