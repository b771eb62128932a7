"""``whence tiles`` adds, lists, tells and checks; errors are plain and exit codes as documented."""

from __future__ import annotations

import json

import pytest

import program
from made_rasters import save
from made_references import town, town_tiles


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    source = town_tiles(folder / "t", 4, 3)
    args = ("--licence", "CC0", "--source", "made", "--side-px", "64", "--scales", "1", "--model", "none")
    done = program.run("tiles", "add", folder / "set", source, *args, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["windows"] == 35
    return folder


def test_a_set_is_listed_told_and_checked(made):
    told = json.loads(program.run("tiles", "list", made / "set", "--json").stdout)
    assert [(s["licence"], s["windows"]) for s in told["sources"]] == [("CC0", 35)]
    table = program.run("tiles", "list", made / "set")
    assert "CC0" in table.stdout
    facts = program.run("tiles", "info", made / "set")
    assert "searched by place alone" in facts.stdout
    values = json.loads(program.run("tiles", "info", made / "set", "--json").stdout)
    assert values["encoder"] is None
    assert values["bounds"]["north"] > values["bounds"]["south"]
    checked = program.run("tiles", "verify", made / "set")
    assert (checked.returncode, "all parts whole" in checked.stdout) == (0, True)


def test_what_fails_is_named(made, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    plain = save(town(2, 2), tmp_path / "plain.png")
    args = ("--model", "none", "--side-px", "64", "--scales", "1")
    done = program.run("tiles", "add", made / "set", plain, *args)
    assert done.returncode == 2
    assert "not told where" in done.stderr
    more = program.run("tiles", "add", tmp_path / "set", plain, broken, *args, "--bounds", "5.01,5,7,7.01")
    assert more.returncode == 1
    assert "not a picture" in more.stderr
    assert "no licence" in more.stderr
    assert "windows" in more.stdout
    (tmp_path / "plain.png").unlink()
    gone = program.run("tiles", "verify", tmp_path / "set")
    assert (gone.returncode, "no such file" in gone.stdout) == (1, True)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("add", "{}/new"), 2, "Nothing to add"),
        (("add", "{}/new", "{}/none"), 2, "no such file"),
        (("add", "{}/new", "{}", "--bounds", "1,2,3,4"), 2, "north > south"),
        (("add", "{}/new", "{}", "--overlap", "1"), 2, "overlap"),
        (("add", "{}/new", "--url", "http://127.0.0.1:9/{{z}}/{{x}}/{{y}}"), 2, "bounds"),
        (("info", "{}"), 4, "no reference set"),
    ],
)
def test_bad_usage_is_told(tmp_path, args, code, said):
    args = [arg.format(tmp_path) for arg in args]
    more = ("--model", "none") if args[0] == "add" else ()
    done = program.run("tiles", *args, *more)
    assert done.returncode == code
    assert said in done.stderr


def test_features_are_found_ahead_and_counted(tmp_path):
    source = town_tiles(tmp_path / "t", 3, 3)
    done = program.run(
        "tiles", "add", tmp_path / "set", source, "--side-px", "128", "--scales", "1", "--licence", "CC0"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(program.run("tiles", "info", tmp_path / "set", "--json").stdout)
    assert told["features"] == {"files": 0, "bytes": 0}
    gsd = told["sides"][0]["side_m"] / 128
    asked = ("tiles", "features", tmp_path / "set", "--gsd", f"{gsd}", "--px", "128", "--json")
    filled = json.loads(program.run(*asked).stdout)
    assert (filled["windows"], filled["files"], filled["finished"]) == (told["windows"], 2 * told["windows"], True)
    assert json.loads(program.run(*asked).stdout)["files"] == filled["files"]
    told = json.loads(program.run("tiles", "info", tmp_path / "set", "--json").stdout)
    assert told["features"] == {"files": filled["files"], "bytes": filled["bytes"]}
    assert program.run("tiles", "verify", tmp_path / "set").returncode == 0
    wrong = program.run("tiles", "features", tmp_path / "set", "--gsd", "1000", "--px", "128")
    assert (wrong.returncode, "sides of" in wrong.stderr) == (2, True)


def test_features_need_windows_that_are_searched_by_likeness(made):
    done = program.run("tiles", "features", made / "set", "--gsd", "1", "--px", "64")
    assert (done.returncode, "--model vlad" in done.stderr) == (2, True)
