"""What the commands say and write, in this process."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from small_pictures import CITIES, records, write_broken, write_photo, write_photos
from whence import __version__
from whence.cli.main import program

FAST = ("--sources", "exif,clock")


def call(*args, given=None):
    return CliRunner().invoke(program, [str(arg) for arg in args], input=given, prog_name="whence")


@pytest.fixture
def photo(tmp_path):
    return write_photo(tmp_path / "p.jpg", *CITIES["florence"])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, 4)
    return folder


def test_version_and_help_in_both_spellings():
    assert call("--version").output == f"whence {__version__}\n"
    assert call("-h").output == call("--help").output == call().output
    assert call("-h").exit_code == 0
    for name in program.commands:
        assert call(name, "-h").exit_code == 0
        assert call(name, "-h").output == call(name, "--help").output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--sources", "exfi"], "'exif'"),
        (["--set", "exif.wrng_share=1"], "wrong_share"),
        (["--set", "exif.wrong_share"], "PART.NAME=VALUE"),
        (["--set", "exif.wrong_share=much"], "float"),
        (["--within", "Atlantis"], "Atlantis"),
        (["--within", "gone.geojson"], "gone.geojson"),
        (["--near", "95,0,10"], "--near"),
        (["--near", "0,0,10", "--near", "45,45,10"], "rule"),
        (["--coarsest", "street"], "city"),
        (["--prior", "everywhere"], "photos"),
        (["--top", "0"], "top"),
        (["--top", "many"], "--top"),
        (["--workers", "0"], "--workers"),
        (["--wrkers", "2"], "--workers"),
        (["--overwrite"], "--json FILE"),
        (["--report", "r.html", "other.jpg"], "2 pictures"),
        (["--json", "r.jpg"], "named like a picture"),
    ],
)
def test_bad_usage_is_2_with_a_message_that_helps_and_writes_nothing(photo, args, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call("locate", photo, *args)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert said in done.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["p.jpg"]


def test_options_reach_the_answer(photo):
    plain = records(call("locate", photo, *FAST).stdout)[0]
    assert plain["point"]["lat_deg"] == pytest.approx(43.77, abs=0.001)
    honest = records(call("locate", photo, *FAST, "--ignore-gps").stdout)[0]
    assert honest["abstained"] is True
    near = records(call("locate", photo, *FAST, "--ignore-gps", "--near", "-33.87,151.21,20").stdout)[0]
    assert near["point"]["lat_deg"] == pytest.approx(-33.87, abs=0.3)
    assert near["ledger"][0]["source"] == "constraints"
    within = records(call("locate", photo, *FAST, "--ignore-gps", "--within", "IS", "--top", "2").stdout)[0]
    assert within["regions"][0]["code"] == "IS"
    assert len(within["candidates"]) == 2
    coarse = records(call("locate", photo, *FAST, "--coarsest", "country").stdout)[0]
    assert coarse["coarsest"] == "country"
    assert coarse["error_km"]["p50"] >= 100
    assert "43.77" not in json.dumps(coarse)


def test_sources_are_chosen_by_name_or_left_out(photo):
    asked = {entry["source"] for entry in records(call("locate", photo, "--sources", "exif").stdout)[0]["ledger"]}
    assert asked == {"exif"}
    rest = {
        entry["source"]
        for entry in records(call("locate", photo, "--sources", "-text", "--sources", "-exif").stdout)[0]["ledger"]
    }
    assert "clock" in rest
    assert not rest & {"exif", "text"}


def test_piped_it_gives_one_line_of_json_a_picture_in_input_order(photos):
    done = call("locate", photos / "003_osaka.jpg", photos, *FAST)
    found = records(done.stdout)
    assert done.exit_code == 0
    assert [Path(item["query"]["name"]).name[:3] for item in found] == ["003", "000", "001", "002"]
    assert [round(item["point"]["lat_deg"], 1) for item in found] == [34.7, 43.8, -33.9, -1.3]
    assert done.stderr == "4 of 4 answered, 0 failed.\n"


def test_lists_of_paths_come_from_standard_input(photos):
    names = [str(photos / "001_sydney.jpg"), str(photos / "000_florence.jpg")]
    for given in ("\n".join(names), "\r\n".join(names) + "\r\n", "\0".join(names) + "\0"):
        done = call("locate", "-", *FAST, given=given)
        assert [item["query"]["name"] for item in records(done.stdout)] == names


def test_some_broken_is_1_all_broken_is_3_each_named(photos, tmp_path):
    bad = write_broken(tmp_path / "bad.jpg")
    some = call("locate", photos, bad, tmp_path / "gone.jpg", *FAST)
    assert some.exit_code == 1
    assert [("error" in item) for item in records(some.stdout)] == [False] * 4 + [True] * 2
    assert f"failed: {bad}" in some.stderr
    assert "gone.jpg" in some.stderr
    assert "4 of 6 answered, 2 failed." in some.stderr
    none = call("locate", bad, *FAST)
    assert none.exit_code == 3
    assert records(none.stdout)[0]["error"]["type"] == "ImageError"


def test_names_cannot_steer_the_terminal(tmp_path):
    bad = write_broken(tmp_path / "bad\x1b[2J\n.jpg")
    done = call("locate", bad, *FAST)
    assert done.exit_code == 3
    assert "\x1b" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert records(done.stdout)[0]["query"]["name"] == str(bad)


def test_an_abstention_is_an_answer(photos):
    done = call("locate", photos / "000_florence.jpg", "--ignore-gps", *FAST)
    assert done.exit_code == 0
    assert records(done.stdout)[0]["abstained"] is True


def test_nothing_to_locate_is_2_and_text_alone_is_enough():
    assert call("locate").exit_code == 2
    assert call("locate", "-", given="").exit_code == 2
    alone = call("locate", "--text", "Rome", *FAST)
    assert alone.exit_code == 0
    assert records(alone.stdout)[0]["query"]["name"] == "Rome"


def test_errors_have_one_shape_as_json():
    done = call("place", "north of here", "--json")
    assert done.exit_code == 2
    error = json.loads(done.stderr)["error"]
    assert error["type"] == "CoordinateError"
    assert "whence places" in error["message"]
    usage = json.loads(call("place", "--json").stderr)["error"]
    assert set(usage) == {"type", "message"}


def test_results_of_other_options_are_not_mixed(photos, tmp_path):
    file = tmp_path / "r.jsonl"
    one = photos / "000_florence.jpg"
    assert call("locate", one, *FAST, "--json", file).exit_code == 0
    before = file.read_bytes()
    other = call("locate", one, *FAST, "--ignore-gps", "--json", file)
    assert other.exit_code == 2
    assert "--overwrite" in other.stderr
    assert file.read_bytes() == before
    assert call("locate", one, *FAST, "--ignore-gps", "--json", file, "--overwrite").exit_code == 0
    assert records(file.read_bytes())[0]["abstained"] is True


def test_new_pictures_join_the_file_in_input_order(tmp_path):
    folder = tmp_path / "photos"
    made = write_photos(folder, 3)
    file = tmp_path / "r.jsonl"
    away = made[1].rename(tmp_path / "away")
    call("locate", folder, *FAST, "--json", file)
    assert len(records(file.read_bytes())) == 2
    away.rename(made[1])
    done = call("locate", folder, *FAST, "--json", file)
    assert "2 of 3 pictures were located before" in done.stderr
    assert [item["query"]["name"] for item in records(file.read_bytes())] == [str(path) for path in made]


def test_exports_of_one_picture_go_to_files_of_several_to_a_folder(tmp_path):
    photos = write_photos(tmp_path / "in", 2)
    out = tmp_path / "out"
    one = call("locate", photos[0], *FAST, "--geojson", out / "a.geojson", "--kml", out / "a.kml")
    assert one.exit_code == 0, one.output
    assert json.loads((out / "a.geojson").read_text())["type"] == "FeatureCollection"
    assert call("locate", photos[0], *FAST, "--report", out / "a.html").exit_code == 0
    assert (out / "a.html").read_text().startswith("<!doctype html>")
    many = call("locate", *photos, *FAST, "--geojson", out / "all", "--kml", out / "all")
    assert many.exit_code == 0
    assert sorted(path.suffix for path in (out / "all").iterdir()) == [".geojson", ".geojson", ".kml", ".kml"]


def test_reports_of_several_pictures_get_an_index_also_when_gone_on_with(tmp_path):
    folder, reports = tmp_path / "in", tmp_path / "reports"
    photos = write_photos(folder, 2)
    write_broken(folder / "zz_bad.jpg")
    args = ("locate", folder, *FAST, "--report", reports, "--json", tmp_path / "r.jsonl")
    first = call(*args)
    assert first.exit_code == 1, first.output
    assert first.stdout == ""
    pages = sorted(path.name for path in reports.iterdir())
    assert len(pages) == 3
    index = (reports / "index.html").read_text()
    assert [index.find(page) > 0 for page in pages] == [True, True, False]
    assert "zz_bad.jpg" in index
    again = call(*args)
    assert "3 of 3 pictures were located before" in again.stderr
    assert (reports / "index.html").read_text() == index
    (reports / pages[0]).unlink()  # a result whose report is gone is made again
    assert "2 of 3 pictures were located before" in call(*args).stderr
    assert sorted(path.name for path in reports.iterdir()) == pages
    assert [item["query"]["name"] for item in records((tmp_path / "r.jsonl").read_bytes())] == [
        *map(str, photos),
        str(folder / "zz_bad.jpg"),
    ]


def test_the_pictures_are_never_written_to(tmp_path):
    photo = write_photo(tmp_path / "p.jpg", *CITIES["lima"])
    before = photo.read_bytes(), photo.stat().st_mtime_ns
    photo.chmod(0o444)
    assert call("locate", photo, *FAST, "--geojson", tmp_path / "out").exit_code == 0
    assert (photo.read_bytes(), photo.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "args",
    [
        ["-33.86", "151.21"],
        ["-33.86,151.21"],
        ["-33.86,", "151.21"],
        ["33.86S 151.21E"],
        ["geo:-33.86,151.21"],
        ["https://www.openstreetmap.org/#map=12/-33.86/151.21"],
        ["33°51'36\"S 151°12'36\"E"],
    ],
)
def test_place_understands_what_people_write(args):
    found = json.loads(call("place", *args, "--json").stdout)
    assert (found["lat_deg"], found["lon_deg"]) == (-33.86, 151.21)
    assert found["country"]["code"] == "AU"
    assert found["country"]["driving_side"] == "left"
    assert found["division"]["name"] == "New South Wales"
    assert found["timezone"] == "Australia/Sydney"
    assert len(found["places"]) == 5
    assert found["places"][0]["distance_km"] < 1.0


def test_place_both_negative_at_sea_and_as_text():
    sea = json.loads(call("place", "-40", "-120.5", "--json").stdout)
    assert (sea["sea"], sea["country"], sea["lon_deg"]) == (True, None, -120.5)
    assert "at sea" in call("place", "-40", "-120.5").stdout
    text = call("place", "48.8584", "2.2945").stdout
    for said in ("France (FR)", "Paris", "Europe/Paris", "French", "EUR (€)", "+33", "drive on the right", "in km"):
        assert said in text
    assert "in miles" in call("place", "51.5", "-0.12").stdout


@pytest.mark.parametrize("args", [["91", "0"], ["Paris"], ["48.8"], []])
def test_place_refuses_what_is_no_point(args):
    done = call("place", *args)
    assert done.exit_code == 2
    assert done.stderr.startswith("whence: ")
    assert done.stdout == ""


def test_places_keeps_ambiguous_names_ambiguous():
    found = json.loads(call("places", "Springfield", "--json", "--top", "100").stdout)
    assert found["count"] == len(found["places"]) > 20
    people = [item["population"] for item in found["places"]]
    assert people == sorted(people, reverse=True)
    assert len({item["division"]["code"] for item in found["places"]}) > 10
    table = call("places", "Springfield", "--top", "3").stdout
    assert "Missouri" in table
    assert "--top shows more" in table


def test_places_in_other_scripts_in_one_country_and_similar():
    assert "Munich" in call("places", "Мюнхен").stdout
    only = json.loads(call("places", "Paris", "--country", "United States", "--json").stdout)
    assert {item["country"] for item in only["places"]} == {"US"}
    assert "Reykjav" in call("places", "Reykjavvik").stdout
    none = call("places", "Reykjavvik", "--exact")
    assert none.exit_code == 2
    assert "Check the spelling" in none.stderr


def test_sources_say_what_they_need_as_table_and_json():
    listed = json.loads(call("sources", "--json").stdout)["sources"]
    names = [item["name"] for item in listed]
    assert {"exif", "clock", "text"} <= set(names)
    table = call("sources").stdout
    for item in listed:
        assert item["name"] in table
        assert item["reads"]
        assert item["needs"]
        assert item["error_model"]
        assert all(setting["help"] for setting in item["settings"]), item["name"]


def test_doctor_finds_this_installation_healthy():
    done = call("doctor", "--json")
    found = json.loads(done.stdout)
    assert found["healthy"], [check for check in found["checks"] if check["state"] == "broken"]
    assert done.exit_code == 0
    state = {check["part"]: check["state"] for check in found["checks"]}
    assert {state[part] for part in ("tables", "text reader", "a picture located", "source exif")} == {"ok"}
    for check in found["checks"]:
        assert check["state"] == "ok" or check["remedy"] or check["detail"], check


def test_doctor_names_a_broken_table_and_ends_with_1(tmp_path, monkeypatch):
    import shutil
    from importlib.resources import files

    from whence.earth import tables

    for item in (files("whence.earth") / "tables").iterdir():
        shutil.copy(item, tmp_path)
    damaged = tmp_path / "countries.json"
    damaged.write_bytes(damaged.read_bytes() + b" ")
    (tmp_path / "tables").mkdir()
    for item in tmp_path.glob("*.*"):
        item.rename(tmp_path / "tables" / item.name)
    monkeypatch.setattr(tables, "files", lambda _: tmp_path)
    tables.manifest.cache_clear()
    done = call("doctor")
    tables.manifest.cache_clear()
    assert done.exit_code == 1
    assert "countries.json" in done.stdout
    assert "1 broken: tables." in done.stdout
