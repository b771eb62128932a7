"""Rows are found again, whoever wrote them and however the writer ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from program import environment
from whence.core.errors import ArtifactError, OptionError
from whence.encode.cache import Config, EmbeddingCache, picture_key, place_keys

MODEL = "abc123"


def keys(*numbers: int) -> list[bytes]:
    return [picture_key(f"{number:064x}", 2048) for number in numbers]


def rows(*numbers: int) -> np.ndarray:
    return np.array([[number, number + 0.5, -number] for number in numbers], np.float32)


@pytest.fixture
def config(tmp_path) -> Config:
    return Config(folder=str(tmp_path))


def test_rows_are_found_again(config):
    with EmbeddingCache(config, MODEL, 3) as cache:
        cache.add(keys(1, 2), rows(1, 2))
        cache.add(keys(3), rows(3))
        found, there = cache.find(keys(3, 9, 1))
        assert there.tolist() == [True, False, True]
        assert np.array_equal(found, [[3, 3.5, -3], [0, 0, 0], [1, 1.5, -1]])
    with EmbeddingCache(config, MODEL, 3) as cache:
        assert len(cache) == 3
        assert keys(2)[0] in cache
        assert np.array_equal(cache.find(keys(2))[0], rows(2))
        assert len(list(cache.folder.glob("*.rows"))) == 1  # reading makes no shard
        cache.add(keys(4), rows(4))
        assert len(list(cache.folder.glob("*.rows"))) == 2
        assert cache.find(keys(4, 1))[1].all()


def test_models_and_types_are_kept_apart(config, tmp_path):
    with EmbeddingCache(config, MODEL, 3) as cache:
        cache.add(keys(1), rows(1))
    assert len(EmbeddingCache(config, "other", 3)) == 0
    half = EmbeddingCache(Config(folder=str(tmp_path), dtype="float16"), MODEL, 3)
    assert len(half) == 0
    half.add(keys(1), np.array([[0.1, 1, 2]], np.float32))
    found, there = half.find(keys(1))
    assert there.all()
    assert found.dtype == np.float32
    assert found[0, 0] == np.float32(np.float16(0.1))
    half.close()
    assert next(half.folder.glob("*.rows")).stat().st_size == 6
    with pytest.raises(ArtifactError, match="another layout or length"):
        EmbeddingCache(config, MODEL, 4)
    with pytest.raises(OptionError, match="Did you mean 'float16'"):
        Config(dtype="float18")
    with pytest.raises(OptionError, match="hash of letters and digits"):
        EmbeddingCache(config, "../up", 3)


def test_what_is_there_is_not_written_again(config):
    with EmbeddingCache(config, MODEL, 3) as cache:
        cache.add(keys(1, 2, 1), rows(1, 2, 7))
        cache.add(keys(2, 3), rows(9, 3))
        assert np.array_equal(cache.find(keys(1, 2, 3))[0], rows(1, 2, 3))
        assert next(cache.folder.glob("*.rows")).stat().st_size == 3 * 12
        with pytest.raises(OptionError, match=r"1 rows of 3 numbers are needed, received \(2, 3\)"):
            cache.add(keys(5), rows(5, 6))


@pytest.mark.parametrize("cut", [1, 12, 13, 35, 36, 37])
@pytest.mark.parametrize("ending", ["rows", "keys"])
def test_torn_ends_are_left_out(config, cut, ending):
    """The files of a killed process, cut anywhere: what is whole is there, the rest is added anew."""
    with EmbeddingCache(config, MODEL, 3) as cache:
        cache.add(keys(1, 2, 3), rows(1, 2, 3))
        file = next(cache.folder.glob(f"*.{ending}"))
    os.truncate(file, file.stat().st_size - min(cut, file.stat().st_size))
    with EmbeddingCache(config, MODEL, 3) as cache:
        found, there = cache.find(keys(1, 2, 3))
        size = 12 if ending == "rows" else 36
        assert there.tolist() == [i < 3 - -(-cut // size) for i in range(3)]
        assert np.array_equal(found[there], rows(1, 2, 3)[there])
        missing = [i for i in (1, 2, 3) if not there[i - 1]]
        cache.add(keys(*missing), rows(*missing))
        assert np.array_equal(cache.find(keys(1, 2, 3))[0], rows(1, 2, 3))


def test_damage_is_noticed(config):
    with EmbeddingCache(config, MODEL, 3) as cache:
        cache.add(keys(1, 2), rows(1, 2))
        file = next(cache.folder.glob("*.rows"))
    content = bytearray(file.read_bytes())
    content[2] ^= 1
    file.write_bytes(content)
    with EmbeddingCache(config, MODEL, 3) as cache:
        assert cache.find(keys(1, 2))[1].tolist() == [False, True]
        cache.add(keys(1), rows(1))
        assert cache.find(keys(1, 2))[1].all()
        file.unlink()
        assert cache.find(keys(2))[1].tolist() == [False]


def test_two_writers_share_a_folder(config):
    first, second = EmbeddingCache(config, MODEL, 3), EmbeddingCache(config, MODEL, 3)
    first.add(keys(1), rows(1))
    second.add(keys(2), rows(2))
    first.add(keys(3), rows(3))
    assert second.find(keys(1, 2, 3))[1].all()
    assert first.find(keys(2))[1].all()
    first.close()
    second.close()


WRITER = """
import sys, numpy as np
from whence.encode.cache import Config, EmbeddingCache, picture_key
cache = EmbeddingCache(Config(folder=sys.argv[1]), "abc123", 3)
first = int(sys.argv[2])
for start in range(first, first + 1_000_000, 50):
    some = range(start, start + 50)
    cache.add([picture_key(f"{i:064x}", 2048) for i in some], np.array([[i, i + .5, -i] for i in some], np.float32))
    sys.stdout.write("added\\n"); sys.stdout.flush()
"""


def test_killed_writers_lose_no_more_than_the_batch_in_hand(config):
    """Two processes write side by side and are killed with no warning."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, config.folder, str(first)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, 1_000_000)
    ]
    time.sleep(0.1)
    said = [sum(1 for _ in zip(range(20), process.stdout, strict=False)) for process in processes]
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    assert said == [20, 20]
    with EmbeddingCache(config, MODEL, 3) as cache:
        for first in (0, 1_000_000):
            wanted = range(first, first + 1000)
            found, there = cache.find(keys(*wanted))
            assert there.all()
            assert np.array_equal(found, rows(*wanted))


def test_keys():
    assert len({*keys(1, 2), picture_key(f"{1:064x}", 512), *place_keys(1.0, 2.0), *place_keys(2.0, 1.0)}) == 5
    assert place_keys([0.0, -0.0], 5)[0] == place_keys(-0.0, [5])[0]
    assert len(place_keys(np.zeros((2, 3)), 1.0)) == 6


def test_folders_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="use no cache"):
        EmbeddingCache(Config(folder=str(tmp_path / "file")), MODEL, 3)
