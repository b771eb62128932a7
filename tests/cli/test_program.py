"""The program from outside: exit codes, pipes, interruption, dying workers, terminals."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from program import command, environment, install_rough_source, run
from small_pictures import records, without_times, write_broken, write_photos

FAST = ("--sources", "exif,clock")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, 4)
    return folder


@pytest.fixture(scope="module")
def rough(tmp_path_factory):
    return install_rough_source(tmp_path_factory.mktemp("site"))


def test_help_imports_nothing_heavy_and_no_command_imports_torch(photos):
    heavy = {"numpy", "onnxruntime", "cv2", "PIL", "shapely", "pyproj", "rich", "rapidocr", "torch", "jaxtyping"}
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('LOADED', *sorted({m.partition('.')[0] for m in sys.modules})))\n"
        "from whence.cli.main import main\n"
        "main()\n"
    )

    def loaded(*args):
        done = subprocess.run([sys.executable, "-c", code, *args], env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return set(done.stdout.rpartition("LOADED")[2].split())

    assert not heavy & loaded("--help")
    assert not heavy & loaded("locate", "--help")
    during = loaded("locate", str(photos / "000_florence.jpg"), "--ignore-gps")
    assert "torch" not in during
    assert {"numpy", "PIL"} <= during


def test_piped_it_gives_one_line_of_json_a_picture_in_input_order(photos):
    done = run("locate", photos / "003_osaka.jpg", photos, *FAST)
    found = records(done.stdout)
    assert done.returncode == 0
    assert [Path(item["query"]["name"]).name[:3] for item in found] == ["003", "000", "001", "002"]
    assert [round(item["point"]["lat_deg"], 1) for item in found] == [34.7, 43.8, -33.9, -1.3]
    assert done.stderr == "4 of 4 answered, 0 failed.\n"


def test_lists_of_paths_come_from_standard_input(photos):
    names = [str(photos / "001_sydney.jpg"), str(photos / "000_florence.jpg")]
    for given in ("\n".join(names), "\r\n".join(names) + "\r\n", "\0".join(names) + "\0"):
        done = run("locate", "-", *FAST, given=given)
        assert [item["query"]["name"] for item in records(done.stdout)] == names


def test_some_broken_is_1_all_broken_is_3_each_named(photos, tmp_path):
    bad = write_broken(tmp_path / "bad.jpg")
    some = run("locate", photos, bad, tmp_path / "gone.jpg", *FAST)
    assert some.returncode == 1
    assert [("error" in item) for item in records(some.stdout)] == [False] * 4 + [True] * 2
    assert f"failed: {bad}" in some.stderr
    assert "gone.jpg" in some.stderr
    assert "4 of 6 answered, 2 failed." in some.stderr
    none = run("locate", bad, *FAST)
    assert none.returncode == 3
    assert records(none.stdout)[0]["error"]["type"] == "ImageError"


def test_an_abstention_is_an_answer(photos):
    done = run("locate", photos / "000_florence.jpg", "--ignore-gps", *FAST)
    assert done.returncode == 0
    assert records(done.stdout)[0]["abstained"] is True


def test_nothing_to_locate_is_2_and_text_alone_is_enough():
    assert run("locate").returncode == 2
    assert run("locate", "-", given="").returncode == 2
    alone = run("locate", "--text", "Rome", *FAST)
    assert alone.returncode == 0
    assert records(alone.stdout)[0]["query"]["name"] == "Rome"


def test_errors_have_one_shape_as_json():
    done = run("place", "north of here", "--json")
    assert done.returncode == 2
    error = json.loads(done.stderr)["error"]
    assert error["type"] == "CoordinateError"
    assert "whence places" in error["message"]
    usage = json.loads(run("place", "--json").stderr)["error"]
    assert set(usage) == {"type", "message"}


def test_a_reader_that_goes_away_ends_it_quietly(photos):
    process = subprocess.Popen(
        command("locate", photos, *FAST), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 141
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def interrupt_after(lines, file, args, env):
    """Start the program, send Ctrl-C once its file holds so many lines; return exit code and messages."""
    process = subprocess.Popen(command(*args), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return process.returncode, said.decode()


@pytest.fixture(scope="module")
def slow_run(tmp_path_factory, rough):
    """A folder that takes its time, and the results of a straight run over it."""
    folder = tmp_path_factory.mktemp("slow")
    write_photos(folder, 8, prefix="slow_")
    write_broken(folder / "slow_002_bad.jpg")
    straight = folder / "straight.jsonl"
    assert run("locate", folder, "--sources", "exif,rough", "--json", straight, env=rough).returncode == 1
    found = records(straight.read_bytes())
    assert len(found) == 9
    return folder, found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupted_and_run_again_gives_the_file_of_a_straight_run(tmp_path, rough, slow_run, workers):
    folder, straight = slow_run
    file = tmp_path / "results.jsonl"
    args = ["locate", folder, "--sources", "exif,rough", "--workers", workers, "--json", file]
    code, said = interrupt_after(3, file, args, rough)
    assert code == 130
    assert "Run the same command again" in said
    assert "Traceback" not in said
    held = file.read_bytes()
    assert 3 <= held.count(b"\n") < 9
    assert held.endswith(b"\n")

    file.write_bytes(held + held.splitlines(keepends=True)[0][:100])  # as if power had failed in a write
    again = run(*args, env=rough)
    assert again.returncode == 1
    assert "were located before" in again.stderr
    assert file.read_bytes().startswith(held)  # what was done was not done again
    assert without_times(records(file.read_bytes())) == without_times(straight)


def test_a_finished_run_is_not_done_again(slow_run, rough):
    folder, _ = slow_run
    file = folder / "straight.jsonl"
    before = file.read_bytes()
    again = run("locate", folder, "--sources", "exif,rough", "--json", file, env=rough)
    assert again.returncode == 1  # its failure stays one
    assert "9 of 9 pictures were located before" in again.stderr
    assert "slow_002_bad.jpg" in again.stderr
    assert file.read_bytes() == before


def test_results_of_other_options_are_not_mixed(photos, tmp_path):
    file = tmp_path / "r.jsonl"
    one = photos / "000_florence.jpg"
    assert run("locate", one, *FAST, "--json", file).returncode == 0
    before = file.read_bytes()
    other = run("locate", one, *FAST, "--ignore-gps", "--json", file)
    assert other.returncode == 4
    assert "--overwrite" in other.stderr
    assert file.read_bytes() == before
    assert run("locate", one, *FAST, "--ignore-gps", "--json", file, "--overwrite").returncode == 0
    assert records(file.read_bytes())[0]["abstained"] is True


def test_new_pictures_join_the_file_in_input_order(tmp_path):
    folder = tmp_path / "photos"
    made = write_photos(folder, 3)
    file = tmp_path / "r.jsonl"
    away = made[1].rename(tmp_path / "away")
    run("locate", folder, *FAST, "--json", file)
    assert len(records(file.read_bytes())) == 2
    away.rename(made[1])
    done = run("locate", folder, *FAST, "--json", file)
    assert "2 of 3 pictures were located before" in done.stderr
    assert [item["query"]["name"] for item in records(file.read_bytes())] == [str(path) for path in made]


def test_a_worker_that_dies_fails_its_picture_and_no_other(tmp_path, rough):
    folder = tmp_path / "photos"
    write_photos(folder, 6)
    (folder / "001_sydney.jpg").rename(folder / "001_kill.jpg")
    (folder / "004_lima.jpg").rename(folder / "004_kill.jpg")
    done = run("locate", folder, "--sources", "exif,rough", "--workers", "2", env=rough)
    found = records(done.stdout)
    assert done.returncode == 1
    assert [item.get("error", {}).get("type") for item in found] == [
        None,
        "WorkerError",
        None,
        None,
        "WorkerError",
        None,
    ]
    assert "SIGKILL" in found[1]["error"]["message"]
    assert [Path(item["query"]["name"]).name[:3] for item in found] == [f"{i:03d}" for i in range(6)]
    assert "001_kill.jpg" in done.stderr


def test_a_source_from_outside_is_listed(rough):
    listed = json.loads(run("sources", "--json", env=rough).stdout)["sources"]
    assert "rough" in {item["name"] for item in listed}


def on_terminal(*args, env=None):
    """Run the program on a terminal of its own; return exit code and everything it wrote."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*args), env=env or environment(TERM="xterm", COLUMNS="100"), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(60), written.decode()


def test_on_a_terminal_it_writes_text_and_a_progress_bar(photos, tmp_path):
    code, written = on_terminal("locate", photos, *FAST, "--json", tmp_path / "r.jsonl")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert code == 0
    assert "Italy" in plain
    assert "Why" in plain
    assert '"schema"' not in plain
    assert re.search(r"4/4", plain)
    assert len(records((tmp_path / "r.jsonl").read_bytes())) == 4
