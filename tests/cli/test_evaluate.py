"""``whence evaluate``: what it says and writes, from files as users have them."""

import json

import pytest
from click.testing import CliRunner

from small_pictures import CITIES, write_photos
from whence.cli.main import program


def call(*args):
    return CliRunner().invoke(program, [str(arg) for arg in args], prog_name="whence")


@pytest.fixture
def files(tmp_path):
    ours, truth = tmp_path / "ours.csv", tmp_path / "truth.csv"
    ours.write_text("name,lat_deg,lon_deg\na.jpg,48.9,2.3\nb.jpg,-33.0,151.0\nc.jpg,0,0\n")
    truth.write_text("file,lat_deg,lon_deg,who\na.jpg,48.86,2.35,x\nb.jpg,-33.87,151.21,y\nc.jpg,35.7,139.7,y\n")
    return ours, truth


def test_results_of_locate_are_scored(tmp_path):
    folder = tmp_path / "photos"
    write_photos(folder, 4)
    results, truth = tmp_path / "r.jsonl", tmp_path / "truth.csv"
    assert call("locate", folder, "--sources", "exif", "--json", results).exit_code == 0
    rows = [f"{i:03d}_{name}.jpg,{lat},{lon}" for i, (name, (lat, lon)) in enumerate(list(CITIES.items())[:4])]
    truth.write_text("\n".join(["file,lat_deg,lon_deg", *rows]))
    done = call("evaluate", results, "--truth", truth, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["pictures"] == 4
    assert told["scores"]["within_1_km"]["value"] == 1.0


def test_text_markdown_and_json(files):
    ours, truth = files
    text = call("evaluate", ours, "--truth", truth, "--by", "country", "--against", ours).stdout
    for said in ("within 200 km, %", "3 pictures", "difference", "By country", "FR", "JP", "95% bootstrap"):
        assert said in text
    table = call("evaluate", ours, "--truth", truth, "--by", "who", "--markdown")
    assert table.stdout.startswith("|  | n | 1 km |")
    assert "bootstrap" in table.stderr
    assert "bootstrap" not in table.stdout
    told = json.loads(call("evaluate", ours, "--truth", truth, "--group", "who", "--seed", "3", "--json").stdout)
    assert told["config"]["group"] == "who"
    assert told["config"]["seed"] == 3


def test_truth_beside_the_predictions(tmp_path):
    file = tmp_path / "both.csv"
    file.write_text("name,lat_deg,lon_deg,truth_lat_deg,truth_lon_deg\na,1,2,1,2\n")
    assert json.loads(call("evaluate", file, "--json").stdout)["scores"]["geoscore"]["value"] == 5000.0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "truth_lat_deg"),
        (("--truth", "gone.csv"), "gone.csv"),
        (("--truth", "TRUTH", "--by", "contry"), "country"),
        (("--truth", "TRUTH", "--group", "photographer"), "photographer"),
        (("--truth", "TRUTH", "--forgive"), "accuracy_km"),
        (("--truth", "TRUTH", "--json", "--markdown"), "exclude"),
        (("--truth", "TRUTH", "--draws", "0"), "draws"),
        (("--truth", "TRUTH", "--pictures", "."), "--report"),
        (("--truth", "TRUTH", "--report", "ours.csv"), ".html"),
        (("--truth", "TRUTH", "--leaderboard", "board.md"), ".json"),
    ],
)
def test_bad_usage_is_2_with_a_message_that_helps(files, args, said):
    ours, truth = files
    done = call("evaluate", ours, *(truth if arg == "TRUTH" else arg for arg in args))
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stdout == ""


def test_reports_and_leaderboards_of_points(files, tmp_path):
    ours, truth = files
    report, board = tmp_path / "report.html", tmp_path / "board.json"
    args = ("--truth", truth, "--group", "who", "--draws", "20")
    done = call("evaluate", ours, *args, "--report", report, "--leaderboard", board)
    assert done.exit_code == 0, done.output
    html = report.read_text(encoding="utf-8")
    assert "ours on truth.csv" in html
    assert "Distance recall" in html
    assert [item["system"] for item in json.loads(board.read_text())["entries"]] == ["ours"]
    assert "| 1 | ours |" in board.with_suffix(".md").read_text()
    assert "Leaderboard" in board.with_suffix(".html").read_text()
    other = call("evaluate", ours, *args, "--answered-only", "--leaderboard", board)
    assert other.exit_code == 2
    assert "do not belong in one table" in other.stderr


def test_a_report_of_a_file_of_predictions_with_its_pictures(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    folder = tmp_path / "photos"
    write_photos(folder, 3)
    rows = [f"{i:03d}_{name}.jpg,{lat},{lon}" for i, (name, (lat, lon)) in enumerate(list(CITIES.items())[:3])]
    (folder / "photos.csv").write_text("\n".join(["file,lat_deg,lon_deg", *rows]))
    file, report = tmp_path / "p.parquet", tmp_path / "report.html"
    done = call("predict", folder / "photos.csv", "-o", file, "--sources", "exif", "--with-gps")
    assert done.exit_code == 0, done.output
    done = call("evaluate", file, "--report", report, "--draws", "20")
    assert done.exit_code == 0, done.output
    assert "data:image/jpeg" not in report.read_text(encoding="utf-8")
    done = call("evaluate", file, "--report", report, "--pictures", folder, "--draws", "20")
    assert done.exit_code == 0, done.output
    html = report.read_text(encoding="utf-8")
    assert "data:image/jpeg" in html
    for said in ("Recall versus Area", "What each source told", "exif", "SHA-256 of p.parquet"):
        assert said in html
