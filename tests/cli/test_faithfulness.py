from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import made_bundles
from whence.cli.main import program


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("faithfulness")
    lines = ["file,lat_deg,lon_deg,photographer"]
    for i, place in enumerate([(40.0, 10.0), (-33.0, 151.0), (64.0, -21.0)]):
        (made / f"{i}.png").write_bytes(made_bundles.picture_of(*place))
        lines.append(f"{i}.png,{place[0]},{place[1]},p{i}")
    (made / "photos.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made_bundles.colour_bundle(made / "model")
    return made


def run(*args):
    return CliRunner().invoke(program, ["faithfulness", *map(str, args)], standalone_mode=False, catch_exceptions=True)


def test_a_table_of_pictures(folder, tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="the extra train is not installed")
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "found.json"
    found = run(
        folder / "photos.csv", "--sources", "alignment", "--prior", "uniform", "--orders", "3", "--concepts", "1",
        "--set", f"alignment.model={folder / 'model'}", "--set", "alignment.coarse_order=3",
        "--set", "alignment.sparsity=0.05",
        "--tests", "curves,interventions,randomisation,claims", "-o", out,
    )  # fmt: skip
    assert found.return_value == 0, found.output
    summary = json.loads(out.read_text(encoding="utf-8"))
    assert summary["pictures"] == 3
    assert summary["interventions"]["concepts"]["exact"] == summary["interventions"]["concepts"]["made"] > 0
    assert summary["interventions"]["sources"]["exact"] == 3
    assert len(summary["claims"]["by_kind"]) >= 2
    assert "deletion, claims" in found.output
    assert "Claims at the true place" in found.output


def test_pictures_without_a_table_and_a_limit(folder):
    found = run(folder, "--limit", "2", "--sources", "clock", "--tests", "curves", "--json")
    assert found.return_value == 0, found.output
    summary = json.loads(found.stdout)
    assert summary["pictures"] == 2
    assert summary["score"]["measured"] == 0
    assert {item["score"] for item in summary["by_picture"]} == {"not measured"}


def test_what_is_refused(folder):
    assert "withholds the evidence" in str(run(folder, "--coarsest", "city").exception)
    assert "Did you mean 'curves'" in str(run(folder, "--tests", "curve").exception)
