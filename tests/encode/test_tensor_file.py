"""Safetensors files are read without the package that writes them, and damaged ones refused."""

import json

import numpy as np
import pytest

from whence.core.errors import ArtifactError
from whence.encode.tensor_file import read_tensors


def write(path, header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_what_the_package_writes_is_read(tmp_path):
    package = pytest.importorskip("safetensors.numpy", reason="the extra train is not installed")
    rng = np.random.default_rng(0)
    given = {
        "a": rng.normal(size=(2, 3)).astype(np.float16),
        "b": rng.normal(size=4).astype(np.float32),
        "c": np.arange(6, dtype=np.int64).reshape(1, 6),
        "none": np.zeros((0, 3), np.float32),
    }
    package.save_file(given, tmp_path / "x.safetensors", metadata={"made": "here"})
    found = read_tensors(tmp_path / "x.safetensors")
    assert found.keys() == given.keys()
    for name, value in given.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_by_hand(tmp_path):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    path = write(tmp_path / "x", {"w": entry}, np.array([1.5, -2.0], "<f4").tobytes())
    np.testing.assert_array_equal(read_tensors(path)["w"], [1.5, -2.0])


@pytest.mark.parametrize(
    "header",
    [
        b"not json at all",
        {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}},
        {"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 7]}},
        {"w": {"dtype": "F32", "shape": [2]}},
        ["a", "list"],
    ],
    ids=["no JSON", "unknown type", "beyond the end", "other shape", "part of a number", "no place", "a list"],
)
def test_damaged_files_are_refused(tmp_path, header):
    with pytest.raises(ArtifactError, match="cannot be read as safetensors"):
        read_tensors(write(tmp_path / "x", header, bytes(8)))


def test_files_that_are_none(tmp_path):
    (tmp_path / "short").write_bytes(b"abc")
    (tmp_path / "long").write_bytes(b"\xff" * 64)
    for name in ("short", "long", "absent"):
        with pytest.raises(ArtifactError, match="cannot be read as safetensors"):
            read_tensors(tmp_path / name)
