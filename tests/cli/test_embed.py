"""``whence embed``, run as its users run it."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from made_bundles import colour_bundle, picture_of
from program import command, environment, run
from small_pictures import write_broken
from whence.encode.bundled import AlignmentModel

PLACES = [(48.85, 2.29), (-33.86, 151.21), (10.0, -75.5)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return colour_bundle(tmp_path_factory.mktemp("models") / "colours")


@pytest.fixture(scope="module")
def model(bundle):
    return AlignmentModel(bundle)


@pytest.fixture
def env(tmp_path, bundle):
    return environment(WHENCE_CACHE=str(tmp_path / "cache"), WHENCE_MODELS=str(bundle.folder.parent))


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for i, place in enumerate(PLACES):
        (folder / f"{i}.png").write_bytes(picture_of(*place))
    return folder


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("given", [("-33.86", "151.21"), ("33.86S 151.21E",), ("-33.86,151.21",)])
def test_a_place(given, env, model):
    done = run("embed", *given, "--model", "colours", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = lines(done.stdout)
    assert found["schema"] == "whence.embedding/1"
    assert found["versions"]["model"] == model.bundle.hash
    assert (found["lat_deg"], found["lon_deg"]) == (-33.86, 151.21)
    assert np.array_equal(np.float32(found["embedding"]), model.embed_places(-33.86, 151.21)[0])


def test_a_table_of_places(tmp_path, env, model):
    rows = "".join(f"p{i},{lat},{lon}\n" for i, (lat, lon) in enumerate(PLACES))
    file = tmp_path / "places.csv"
    file.write_text(f"name,latitude,lon\n{rows}bad,95,3\n")
    done = run("embed", file, "--model", "colours", env=env)
    assert done.returncode == 1
    assert f"failed: {file}, line 5: the latitude must lie within ±90 degrees, received 95" in done.stderr
    assert "3 of 4 places embedded, 1 failed." in done.stderr
    found = lines(done.stdout)
    assert [(item["line"], "error" in item) for item in found] == [(5, True), (2, False), (3, False), (4, False)]
    assert found[0]["error"]["type"] == "CoordinateError"
    out = tmp_path / "places.npz"
    assert run("embed", file, "--model", "colours", "--out", out, env=env).returncode == 1
    with np.load(out, allow_pickle=False) as stored:
        expected = model.embed_places(*np.array(PLACES).T)
        assert np.array_equal(stored["embedding"], expected)
        assert stored["line"].tolist() == [2, 3, 4]
        assert stored["lat_deg"].tolist() == [lat for lat, _ in PLACES]
        assert (str(stored["model"]), str(stored["model_hash"])) == ("colours", model.bundle.hash)


def test_pictures(album, env, model, tmp_path):
    write_broken(album / "broken.jpg")
    done = run("embed", album, "--model", "colours", env=env)
    assert done.returncode == 1
    found = lines(done.stdout)
    assert [item["name"] for item in found] == [str(path) for path in sorted(album.iterdir())]
    assert [("embedding" in item) for item in found] == [True, True, True, False]
    near = np.float32([item["embedding"] for item in found[:3]]) @ model.embed_places(*np.array(PLACES).T).T
    assert np.argmax(near, axis=1).tolist() == [0, 1, 2]
    assert "failed: " in done.stderr
    assert "broken.jpg" in done.stderr
    shards = list((tmp_path / "cache" / "embeddings").glob("*/*.rows"))
    assert [shard.stat().st_size for shard in shards] == [3 * 8 * 4]
    again = run("embed", album, "--model", "colours", env=env)
    assert again.stdout == done.stdout
    assert list((tmp_path / "cache" / "embeddings").glob("*/*.rows")) == shards


def test_without_the_cache_nothing_is_kept(album, env, tmp_path):
    done = run("embed", album, "--model", "colours", "--no-cache", env=env)
    assert done.returncode == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("ending", ["npy", "npz", "csv", "jsonl", "parquet"])
def test_files(ending, album, env, tmp_path):
    if ending == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra scale")
    out = tmp_path / f"out.{ending}"
    out.write_text("before")
    done = run("embed", album, "--model", "colours", "--out", out, env=env)
    assert (done.returncode, done.stdout) == (0, "")
    expected = np.float32(
        [item["embedding"] for item in lines(run("embed", album, "--model", "colours", env=env).stdout)]
    )
    names = [str(path) for path in sorted(album.iterdir())]
    if ending == "npy":
        assert np.array_equal(np.load(out, allow_pickle=False), expected)
        return
    if ending == "npz":
        with np.load(out, allow_pickle=False) as stored:
            rows, found = stored["embedding"], stored["name"].tolist()
    elif ending == "csv":
        content = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
        rows, found = [[item[f"e{i}"] for i in range(8)] for item in content], [item["name"] for item in content]
    elif ending == "jsonl":
        content = lines(out.read_text(encoding="utf-8"))
        rows, found = [item["embedding"] for item in content], [item["name"] for item in content]
    else:
        stored = parquet.read_table(out)
        rows, found = stored["embedding"].to_pylist(), stored["name"].to_pylist()
        assert stored.schema.metadata[b"whence.model"] == b"colours"
    assert np.array_equal(np.float32(rows), expected)
    assert found == names
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (("95", "3", "--model", "colours"), 2, "atitude"),
        (("1", "2", "--model", "colour"), 2, "Did you mean 'colours'"),
        (("1", "2"), 2, "--model"),
        (("1", "2", "--model", "colours", "--out", "a.txt"), 2, ".npy"),
        (("1", "2", "--model", "colours", "--out", "none/a.npy"), 2, "no folder"),
        (("nothing.jpg", "--model", "colours"), 2, "no file or folder"),
        (("nothing.csv", "--model", "colours"), 2, "cannot be read as CSV"),
        (("empty", "--model", "colours"), 2, "no pictures"),
    ],
)
def test_what_cannot_be_is_refused(given, code, message, env, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("embed", *given, env=env, cwd=tmp_path)
    assert message in done.stderr
    assert done.returncode == code


def test_only_failures(env, tmp_path):
    write_broken(tmp_path / "broken.jpg")
    done = run("embed", tmp_path / "broken.jpg", "--model", "colours", "--out", tmp_path / "a.npy", env=env)
    assert done.returncode == 3
    assert not (tmp_path / "a.npy").exists()


def test_interrupted_runs_write_what_was_done_and_go_on(env, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for i in range(400):
        (album / f"{i:03d}.png").write_bytes(picture_of(i / 5, i / 3, size=(600 + i, 600)))
    out = tmp_path / "out.npz"
    process = subprocess.Popen(
        command("embed", album, "--model", "colours", "--out", out), env=env, stderr=subprocess.PIPE, text=True
    )
    shards = tmp_path / "cache" / "embeddings"
    until = time.monotonic() + 60
    while not any(shard.stat().st_size for shard in shards.glob("*/*.rows")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    with np.load(out, allow_pickle=False) as stored:
        done = len(stored["embedding"])
    assert 0 < done < 400
    assert f"{done} of 400 pictures embedded" in said
    assert run("embed", album, "--model", "colours", "--out", out, env=env).returncode == 0
    with np.load(out, allow_pickle=False) as stored:
        assert len(stored["embedding"]) == 400
    rows = sum(shard.stat().st_size for shard in shards.glob("*/*.rows")) // 32
    assert rows == 400


def test_nothing_of_torch_is_imported(env, tmp_path):
    code = (
        "import sys; from whence.cli.main import program\n"
        "code = program.main(['embed', '1', '2', '--model', 'colours'], standalone_mode=False)\n"
        "sys.exit(int(code) or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
