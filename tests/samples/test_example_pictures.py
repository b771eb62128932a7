"""The example pictures are made, repeat, and carry the metadata that the examples speak of."""

import importlib.util
from pathlib import Path

import pytest

from whence.samples.discover import find_pictures
from whence.samples.reader import read_view

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "make_pictures.py"


@pytest.fixture(scope="module")
def example_script():
    spec = importlib.util.spec_from_file_location("make_pictures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(example_script, tmp_path_factory):
    return example_script.make_pictures(tmp_path_factory.mktemp("pictures"))


def test_example_pictures(written):
    assert sorted(written) == list(find_pictures(written[0].parent))
    views = {Path(path).name: read_view(path) for path in written}
    assert all(view.warnings == () and view.metadata.problems == () for view in views.values())
    postcard = views["postcard_gps.jpg"].metadata
    assert postcard.position.value.lat_deg == pytest.approx(-33.02069, abs=1e-6)
    assert postcard.position.value.lon_deg == pytest.approx(-71.64463, abs=1e-6)
    nowhere = views["beach_null_island.jpg"].metadata.position.value
    assert (nowhere.lat_deg, nowhere.lon_deg) == (0.0, 0.0)
    for name in ("pizzeria_chile.jpg", "road_sign_wales.jpg"):
        assert views[name].metadata.position is None


def test_same_seed_same_bytes(example_script, written, tmp_path):
    again = example_script.make_pictures(tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]
