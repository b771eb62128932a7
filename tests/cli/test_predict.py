"""``whence predict``: tables and data sets located into a file, gone on with, and scored."""

import pytest
from click.testing import CliRunner

pytest.importorskip("pyarrow", reason="the extra 'scale' is not installed")

from small_pictures import CITIES, write_photos
from whence.cli.main import program
from whence.evaluate.prediction_file import read_run


def call(*args):
    return CliRunner().invoke(program, [str(arg) for arg in args], prog_name="whence")


@pytest.fixture
def table(tmp_path):
    """Four pictures with GPS tags, one of them torn, one missing."""
    folder = tmp_path / "photos"
    write_photos(folder, 4)
    names = [f"{i:03d}_{name}.jpg" for i, name in enumerate(list(CITIES)[:4])]
    (folder / names[3]).write_bytes(b"\xff\xd8torn")
    rows = [
        f"{name},{lat},{lon},2,who{i % 2},team"
        for i, (name, (lat, lon)) in enumerate(zip(names, CITIES.values(), strict=False))
    ]
    table = folder / "list.csv"
    table.write_text(
        "\n".join(["file,lat_deg,lon_deg,accuracy_km,photographer,team", *rows, "gone.jpg,1,2,,who0,team"])
    )
    return table


def test_a_table_becomes_a_file(table, tmp_path):
    out = tmp_path / "p.parquet"
    done = call("predict", table, "-o", out, "--sources", "exif", "--with-gps")
    assert done.exit_code == 1, done.output
    assert "3 of 5 answered, 2 failed" in done.stderr
    found = read_run(out)
    records = list(found)
    assert [r.name for r in records][4] == "gone.jpg"
    assert [r.failure is None for r in records] == [True, True, True, False, False]
    assert "there is no picture" in records[4].failure
    assert records[3].failure.startswith("ImageError: ")
    assert [r.truth.group for r in records] == ["who0", "who1", "who0", "who1", "who0"]
    assert (records[0].truth.accuracy_km, records[4].truth.accuracy_km) == (2.0, None)
    assert records[0].p50_km < 1.0
    assert records[0].belief.credible_region(0.5).contains(records[0].truth.lat_deg, records[0].truth.lon_deg)
    assert records[0].estimate["schema"] == "whence.estimate/1"
    assert found.run.options["ignore_gps"] == "False"
    assert found.run.dataset == "list"
    assert call("predict", table, "-o", out).exit_code == 2


def test_gps_is_left_out_and_groups_are_chosen(table, tmp_path):
    out = tmp_path / "p.parquet"
    call("predict", table.parent, "-o", out, "--sources", "exif", "--limit", "2", "--group", "team")
    records = list(read_run(out))
    assert len(records) == 2
    assert records[0].abstained
    assert records[0].truth.group == "team"
    assert records[0].sources[0].likelihood is None


def test_an_interrupted_run_goes_on(table, tmp_path):
    out = tmp_path / "p.parquet"
    options = ("--sources", "exif", "--limit", "3")
    from whence.batch.predict import PredictionRun, read_test_set
    from whence.pipeline import Options

    run = PredictionRun(read_test_set(str(table), limit=3), Options(ignore_gps=True, sources=("exif",)), out)
    asked = iter([False, True])
    assert len(list(run.go(stop=lambda: next(asked)))) == 1
    run.close()
    other = call("predict", table, "-o", out, "--resume", "--sources", "exif", "--top", "3")
    assert other.exit_code == 2
    assert "holds predictions of another run" in other.stderr
    done = call("predict", table, "-o", out, "--resume", *options)
    assert "1 of 3 pictures were located before" in done.stderr
    assert done.exit_code == 0
    assert len(read_run(out)) == 3
    assert not list(tmp_path.glob("*.part"))


def test_workers_give_the_same(table, tmp_path):
    for workers in (1, 2):
        call("predict", table, "-o", tmp_path / f"{workers}.parquet", "--sources", "exif", "--workers", workers)
    one, two = (list(read_run(tmp_path / f"{workers}.parquet")) for workers in (1, 2))
    assert [(r.name, r.sha256, r.p50_km) for r in one[:3]] == [(r.name, r.sha256, r.p50_km) for r in two[:3]]
    assert (one[0].belief.values == two[0].belief.values).all()


def test_a_data_set_by_name(tmp_path):
    from whence.samples.datasets import datasets

    root = datasets().load("im2gps3k").make_miniature(tmp_path / "mini")
    out = tmp_path / "p.parquet"
    assert call("predict", "im2gps3k", "-o", out).exit_code == 2
    done = call("predict", "im2gps3k", "--root", root, "-o", out, "--sources", "exif", "--limit", "2")
    assert done.exit_code == 0, done.output
    assert read_run(out).run.dataset.startswith("im2gps3k")


def test_what_is_no_data_set_is_refused(table, tmp_path):
    out = tmp_path / "p.parquet"
    assert "Did you mean 'im2gps3k'" in call("predict", "im2gps3", "-o", out).stderr
    assert "--root" in call("predict", table, "--root", tmp_path / "photos" / "x", "-o", out).stderr
    (tmp_path / "empty").mkdir()
    assert "holds 0 tables" in call("predict", tmp_path / "empty", "-o", out).stderr
    assert "no column" in call("predict", table, "--group", "tem", "-o", out).stderr
    assert "has no parts" in call("predict", table, "--part", "a", "-o", out).stderr
    assert not out.exists()
