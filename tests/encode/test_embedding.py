"""Many pictures, some of them broken, come out in order, once computed and then remembered."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_embeddings import Averages
from program import SRC, environment
from small_pictures import write_broken, write_photo, write_photos
from whence.core.errors import CoordinateError, OptionError
from whence.encode.cache import Config, EmbeddingCache, picture_key
from whence.encode.embedding import WORKING_PX, embed_one_by_one, embed_pictures, embed_places
from whence.samples.reader import read_view


@pytest.fixture
def cache(tmp_path):
    with EmbeddingCache(Config(folder=str(tmp_path / "cache")), "abc", 12) as made:
        yield made


def test_a_thousand_with_three_broken(tmp_path):
    files = write_photos(tmp_path, 40)
    paths = [files[i % 40] for i in range(1000)]
    broken = [write_broken(tmp_path / "broken.jpg"), tmp_path / "missing.jpg", tmp_path / "empty.jpg"]
    broken[2].write_bytes(b"")
    for i, file in zip((0, 500, 999), broken, strict=True):
        paths[i] = file
    model = Averages()
    seen = []
    found = embed_pictures(paths, model, progress=seen.append)
    assert found.rows.shape == (997, 12)
    assert found.index.tolist() == [i for i in range(1000) if i not in {0, 500, 999}]
    assert [item.index for item in seen] == list(range(1000))
    assert [(item.index, item.name) for item in found.failures] == [
        (i, str(file)) for i, file in zip((0, 500, 999), broken, strict=True)
    ]
    assert {type(item.error).__name__ for item in found.failures} == {"ImageError"}
    assert "missing.jpg" in str(found.failures[1].error)
    assert model.threads == {threading.get_ident()}
    assert max(model.batches) == 16
    one = model.embed_views([read_view(paths[7])])
    assert np.array_equal(found.rows[6], one[0])
    assert found.names[6] == str(paths[7])


def test_what_is_known_is_not_computed(tmp_path, cache):
    paths = write_photos(tmp_path / "pictures", 30)
    model = Averages()
    first = embed_pictures(paths, model, cache=cache, batch=7)
    assert (model.pictures, first.cached) == (30, 0)
    again = embed_pictures([*paths, write_photo(tmp_path / "new.jpg", 1, 2, shade=77)], model, cache=cache)
    assert (model.pictures, again.cached) == (31, 30)
    assert np.array_equal(again.rows[:30], first.rows)
    paths[3].write_bytes(paths[4].read_bytes())  # a file that changed is another picture
    changed = embed_pictures(paths, model, cache=cache)
    assert model.pictures == 31
    assert np.array_equal(changed.rows[3], first.rows[4])
    views = embed_pictures([read_view(path) for path in paths], model, cache=cache)
    assert (model.pictures, views.cached) == (31, 30)
    small = embed_pictures([read_view(paths[0], working_px=20)], model, cache=cache)  # other pixels of the same file
    assert (model.pictures, small.cached) == (32, 0)


def test_a_stopped_run_goes_on(tmp_path, cache):
    paths = write_photos(tmp_path / "pictures", 30)
    model = Averages()
    for outcome in embed_one_by_one(paths, model, cache=cache, batch=5):
        if outcome.index == 12:
            break
    assert model.pictures == 15
    found = embed_pictures(paths, model, cache=cache, batch=5)
    assert (model.pictures, found.cached) == (30, 15)


def test_damaged_rows_are_computed_anew(tmp_path, cache):
    paths = write_photos(tmp_path / "pictures", 3)
    model = Averages()
    first = embed_pictures(paths, model, cache=cache)
    file = next(cache.folder.glob("*.rows"))
    content = bytearray(file.read_bytes())
    content[0] ^= 255
    file.write_bytes(content)
    again = embed_pictures(paths, model, cache=cache)
    assert (model.pictures, again.cached) == (4, 2)
    assert np.array_equal(again.rows, first.rows)


def test_one_picture_that_the_model_refuses_fails_alone(tmp_path):
    paths = write_photos(tmp_path, 5)
    Image.new("RGB", (40, 40)).save(tmp_path / "black.png")
    found = embed_pictures([*paths[:2], tmp_path / "black.png", *paths[2:]], Averages())
    assert found.index.tolist() == [0, 1, 3, 4, 5]
    assert str(found.failures[0].error) == "a black picture"


def test_nothing_and_nonsense():
    found = embed_pictures([], Averages())
    assert found.rows.shape == (0, 12)
    with pytest.raises(OptionError, match="received 0"):
        embed_pictures(["a.jpg"], Averages(), batch=0)


def test_places(cache):
    model = Averages()
    lat, lon = np.linspace(-90, 90, 100), np.linspace(-180, 180, 100)
    steps: list[int] = []
    found = embed_places(lat, lon, model, batch=30, progress=steps.append)
    assert found.shape == (100, 12)
    assert steps == [30, 30, 30, 10]
    assert np.array_equal(found, embed_places(lat, lon, model, cache=cache))
    assert model.places == 200
    more = embed_places([*lat[:50], 12.5], [*lon[:50], 7.0], model, cache=cache)
    assert model.places == 201
    assert np.array_equal(more[:50], found[:50])
    assert embed_places(10, [1, 2, 3], model).shape == (3, 12)
    with pytest.raises(CoordinateError):
        embed_places(91, 0, model)


def test_nothing_here_needs_torch():
    code = "import sys, whence.encode.embedding, whence.encode.views; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0


WORKER = """
import sys
from pathlib import Path
from made_embeddings import Averages
from whence.encode.cache import Config, EmbeddingCache
from whence.encode.embedding import embed_pictures
with EmbeddingCache(Config(folder=sys.argv[1]), "abc", 12) as cache:
    sys.exit(len(embed_pictures(sorted(Path(sys.argv[2]).iterdir()), Averages(), cache=cache, batch=2).rows) != 12)
"""


def test_two_processes_do_not_spoil_each_other(tmp_path):
    paths = write_photos(tmp_path / "pictures", 12)
    given = [sys.executable, "-c", WORKER, str(tmp_path / "cache"), str(tmp_path / "pictures")]
    path = os.pathsep.join([str(SRC), str(Path(__file__).resolve().parents[1])])
    running = [subprocess.Popen(given, env=environment(PYTHONPATH=path)) for _ in range(2)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    with EmbeddingCache(Config(folder=str(tmp_path / "cache")), "abc", 12) as cache:
        assert cache.find([picture_key(read_view(path).sha256, WORKING_PX) for path in paths])[1].all()
