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
from PIL import Image, ImageDraw, ImageFont

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
    write_photos(folder, 28, prefix="slow_")  # more than two workers have in hand
    write_broken(folder / "slow_002_bad.jpg")
    straight = folder / "straight.jsonl"
    assert run("locate", folder, "--sources", "exif,rough", "--json", straight, env=rough).returncode == 1
    found = records(straight.read_bytes())
    assert len(found) == 29
    return folder, found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupted_and_run_again_gives_the_file_of_a_straight_run(tmp_path, rough, slow_run, workers):
    folder, straight = slow_run
    file = tmp_path / "results.jsonl"
    args = ["locate", folder, "--sources", "exif,rough", "--workers", workers, "--json", file]
    code, said = interrupt_after(2, file, args, rough)
    assert code == 130
    assert "Run the same command again" in said
    assert "Traceback" not in said
    held = file.read_bytes()
    assert 2 <= held.count(b"\n") < 29
    assert held.endswith(b"\n")

    file.write_bytes(held + held.splitlines(keepends=True)[0][:100])  # as if power had failed in a write
    again = run(*args, env=rough)
    assert again.returncode == 1
    assert "were located before" in again.stderr
    assert file.read_bytes().startswith(held)  # what was done was not done again
    assert without_times(records(file.read_bytes())) == without_times(straight)


def test_interrupted_twice_it_stops_at_once_also_while_text_is_read(tmp_path):
    for number in range(6):
        page = Image.new("RGB", (800, 300), "white")
        pen = ImageDraw.Draw(page)
        for row in range(6):
            pen.text((20, 10 + 48 * row), f"{number} STREET AND STATION {row}", "black", ImageFont.load_default(28))
        page.save(tmp_path / f"{number}.png")
    file = tmp_path / "results.jsonl"
    process = subprocess.Popen(
        command("locate", tmp_path, "--json", file), env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    while not file.exists() or not file.read_bytes():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert b"terminate" not in said
    assert 1 <= len(records(file.read_bytes())) < 6


def test_a_finished_run_is_not_done_again(slow_run, rough):
    folder, _ = slow_run
    file = folder / "straight.jsonl"
    before = file.read_bytes()
    again = run("locate", folder, "--sources", "exif,rough", "--json", file, env=rough)
    assert again.returncode == 1  # its failure stays one
    assert "29 of 29 pictures were located before" in again.stderr
    assert "slow_002_bad.jpg" in again.stderr
    assert file.read_bytes() == before


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
