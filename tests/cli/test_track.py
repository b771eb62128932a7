"""``whence track`` on drawn ground whose truth is known."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from html_page import Page
from made_ground import ground, view_of, write_ground
from whence.cli.exits import Exit
from whence.cli.main import program
from whence.earth.coordinates import distance_km
from whence.earth.tiles.opening import open_rasters

SET = ("--set", "match.patch_px=512", "--set", "candidates.whole_px=1536")


@pytest.fixture(scope="module")
def flight(tmp_path_factory) -> tuple[Path, Path, list[tuple[float, float]]]:
    """Reference pictures, a folder of six frames of which one is broken, and where each was taken."""
    folder = tmp_path_factory.mktemp("flight")
    tiles = write_ground(folder, side_px=512)
    where = open_rasters(tiles)[0].georeference
    frames = folder / "frames"
    frames.mkdir()
    truth = []
    for i in range(6):
        x, y = 200.0 + 20.0 * i, 300.0 - 10.0 * i
        Image.fromarray(view_of(ground(0, 512), x, y, turn_deg=30.0, seed=i).pixels).save(frames / f"f{i}.png")
        truth.append(tuple(float(v) for v in where.to_lat_lon(x, y)))
    (frames / "f3.png").write_bytes(b"no picture")
    return tiles, frames, truth


def _run(*args: object):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        return CliRunner().invoke(program, [str(a) for a in args])


def _hold_to_their_layout(rows: list[dict]) -> None:
    """Every line is what the schema that is named in it says."""
    import jsonschema

    schemas = {
        "whence.track/1": files("whence.crossview.track") / "track.schema.json",
        "whence.failure/1": files("whence.batch") / "failure.schema.json",
    }
    known = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in schemas.items()}
    assert rows
    for row in rows:
        jsonschema.validate(row, known[row["schema"]], cls=jsonschema.Draft202012Validator)


def test_a_flight_is_followed_and_written_in_every_form(flight, tmp_path):
    tiles, frames, truth = flight
    out = {name: tmp_path / f"track.{name}" for name in ("jsonl", "html", "gpx", "geojson", "kml")}
    done = _run(
        "track", frames, "--tiles", tiles, *SET, "--json", out["jsonl"], "--report", out["html"],
        "--gpx", out["gpx"], "--geojson", out["geojson"], "--kml", out["kml"],
    )  # fmt: skip
    assert done.exit_code == Exit.SOME_FAILED, done.output
    assert "f3.png" in done.output
    rows = [json.loads(line) for line in out["jsonl"].read_text().splitlines()]
    assert [row["schema"] for row in rows].count("whence.failure/1") == 1
    _hold_to_their_layout(rows)
    last = rows[-1]
    assert last["status"] == "tracking"
    assert float(distance_km(last["point"]["lat_deg"], last["point"]["lon_deg"], *truth[-1])) * 1e3 < 2.0
    assert last["heading_deg"] == pytest.approx(30.0, abs=2.0)
    assert last["searched"] is not None
    page = Page(out["html"].read_text())
    policy = next(a["content"] for a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert len(page.all("polygon")) == 5
    assert json.loads(page.all("script")[0][1])[0]["schema"] == "whence.track/1"
    assert out["gpx"].read_text().count("<trkpt") == 5
    assert json.loads(out["geojson"].read_text())["name"]
    assert "LineString" in out["kml"].read_text()


def test_a_table_places_frames_that_are_not_matched(flight, tmp_path):
    _, frames, truth = flight
    (tmp_path / "other").mkdir()
    other = write_ground(tmp_path / "other", seed=5, side_px=512)
    table = tmp_path / "flight.csv"
    rows = [f"f{i}.png,{i},{lat},{lon}" for i, (lat, lon) in enumerate(truth)]
    table.write_text("\n".join(["file,time_s,lat_deg,lon_deg", *rows]))
    done = _run("track", frames / "f0.png", frames / "f1.png", "--tiles", other, *SET, "--telemetry", table, "--smooth")
    assert done.exit_code == Exit.DONE, done.output
    rows = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    _hold_to_their_layout(rows)
    last = rows[-1]
    assert last["smoothed"]
    assert last["status"] == "tracking"
    assert float(distance_km(last["point"]["lat_deg"], last["point"]["lon_deg"], *truth[1])) * 1e3 < 10.0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--prior", "1,2"), "--prior takes LAT,LON,M"),
        (("--prior", "1,2,-5"), "Leave --prior out to look"),
        (("--prior", "1,2,inf"), "number of metres above 0"),
        (("--kind", "dron"), "Did you mean 'drone'"),
        (("--set", "track.speed=3"), "speed_mps"),
        (("--set", "telemetry.heading=3"), "heading_sigma_deg"),
        (("--order", "size"), "ordered by"),
        (("--telemetry", "none.csv"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_matched(flight, args, said):
    tiles, frames, _ = flight
    done = _run("track", frames, "--tiles", tiles, *args)
    assert done.exit_code == Exit.USAGE
    assert said in done.output
