from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from lmm_server import completion, served
from made_ground import LAT, LON, ground, view_of, write_ground
from program import environment, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference pictures, a view of them, one of elsewhere, and a file that is none."""
    folder = tmp_path_factory.mktemp("match")
    write_ground(folder)
    views = folder / "views"
    views.mkdir()
    for name, seed in (("here.png", 0), ("elsewhere.png", 7)):
        view = view_of(ground(seed), 300.0, 340.0, turn_deg=65.0)
        cv2.imwrite(str(views / name), cv2.cvtColor(view.pixels, cv2.COLOR_RGB2BGR))
    (views / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    return folder


@pytest.fixture(scope="module")
def done(folder: Path) -> list[dict]:
    out = folder / "matches.jsonl"
    ended = run(
        "match", folder / "views", "--tiles", folder / "ground0.png", "--kind", "drone", "--gsd", "0.5",
        "--json", out, "--report", folder / "report", "--mask-test",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_each_picture_is_a_line_whatever_comes_of_it(done: list[dict]) -> None:
    by_name = {Path(line["query"]["name"]).stem: line for line in done}
    assert by_name["here"]["accepted"] is True
    pose = by_name["here"]["matches"][0]["pose"]
    assert pose["heading_deg"] == pytest.approx(65.0, abs=0.5)
    assert pose["sigma_m"] < 1.0
    assert by_name["elsewhere"]["accepted"] is False
    assert by_name["elsewhere"]["matches"][0]["reasons"]
    assert by_name["broken"]["schema"] == "whence.failure/1"


def test_lines_have_the_documented_layout(done: list[dict]) -> None:
    import jsonschema

    import whence.crossview.render as render

    schema = json.loads((Path(render.__file__).parent / "match.schema.json").read_text())
    for line in done:
        if line["schema"] == render.SCHEMA:
            jsonschema.validate(line, schema)


def test_a_report_is_written_for_each_and_an_index(done: list[dict], folder: Path) -> None:
    pages = sorted(path.name for path in (folder / "report").glob("*.html"))
    assert pages == ["index.html", "match-0001.html", "match-0002.html"]
    assert "here.png" in (folder / "report" / "index.html").read_text()


def test_what_is_there_is_not_overwritten(folder: Path, done: list[dict]) -> None:
    ended = run(
        "match", folder / "views/here.png", "--tiles", folder / "ground0.png", "--json", folder / "matches.jsonl"
    )
    assert (ended.returncode, "--overwrite" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--near", "46,7"), "LAT,LON,M"),
        (("--near", "46,7,-5"), "above 0"),
        (("--set", "register.feature=sift"), "features"),
        (("--set", "sift.points=3"), "part with settings"),
        (("--kind", "drome"), "drone"),
    ],
)
def test_wrong_options_are_named(folder: Path, args: tuple[str, ...], said: str) -> None:
    ended = run("match", folder / "views/here.png", "--tiles", folder / "ground0.png", *args)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_locate_refines_inside_what_else_is_known(folder: Path) -> None:
    args = ("locate", folder / "views/here.png", "--kind", "drone", "--near", f"{LAT},{LON},1", "--sources", "exif")
    plain = json.loads(run(*args, "--json", "-").stdout)
    ended = run(*args, "--refine", "--tiles", folder / "ground0.png", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    refined = json.loads(ended.stdout)
    assert refined["error_km"]["p90"] < 0.01 < 0.5 < plain["error_km"]["p90"]
    assert "crossview" in {entry["source"] for entry in refined["ledger"]}


def test_refine_and_tiles_go_together(folder: Path) -> None:
    ended = run("locate", folder / "views/here.png", "--refine")
    assert (ended.returncode, "go together" in ended.stderr) == (2, True)


def test_a_model_tells_the_reports_and_is_checked(folder: Path, tmp_path: Path) -> None:
    answer = completion("The points fit [c1]. The moon is made of 17 cheeses.")
    with served(answer) as (url, asked):
        env = environment(WHENCE_LMM_URL=url, WHENCE_LMM_MODEL="test-model")
        ended = run(
            "match", folder / "views/here.png", "--tiles", folder / "ground0.png", "--kind", "drone", "--gsd", "0.5",
            "--report", tmp_path / "told.html", "--narrate", "en", env=env,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(asked) == 1
    page = (tmp_path / "told.html").read_text()
    assert "17 cheeses" in page
    assert "test-model" in page


def test_without_an_endpoint_nothing_is_sent(folder: Path, tmp_path: Path) -> None:
    ended = run(
        "match", folder / "views/here.png", "--tiles", folder / "ground0.png", "--report", tmp_path / "a.html",
        "--narrate", "en",
    )  # fmt: skip
    assert (ended.returncode, "WHENCE_LMM_URL" in ended.stderr) == (2, True)
