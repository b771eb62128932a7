"""Networks of TensorFlow Lite: loading, squeezing to size, refusing what is none."""

import subprocess
import sys

import numpy as np
import pytest

from whence.core.errors import ArtifactError
from whence.encode.tflite import TfliteModel, missing_runtime

pytest.importorskip("ai_edge_litert", reason="the extra scenery is not installed")


@pytest.fixture(scope="module")
def file(shared):
    path = shared / "assets" / "tf2_mobilenet_v2_1.0_224_ptq.tflite"
    if not path.is_file():
        pytest.skip("the networks are not here")
    return path


def test_probabilities_of_a_picture(file):
    network = TfliteModel(file)
    assert network.size_px == (224, 224)
    found = network.run(np.full((300, 500, 3), 128, np.uint8))
    assert found.shape == (1001,)
    assert found.dtype == np.float64
    assert 0.5 < found.sum() < 1.01  # stored in 8 bits: what is below 1/512 is lost
    np.testing.assert_array_equal(found, network.run(np.full((224, 224, 3), 128, np.uint8)))


def test_importing_does_not_warn_nor_write(file):
    code = f"from pathlib import Path; from whence.encode.tflite import TfliteModel; TfliteModel(Path({str(file)!r}))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("content", [b"", b"no network" * 100])
def test_what_is_no_network_is_refused(tmp_path, content):
    (tmp_path / "x.tflite").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"x\.tflite"):
        TfliteModel(tmp_path / "x.tflite")


def test_nothing_is_missing():
    assert missing_runtime() is None
