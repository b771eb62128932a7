"""Tensors from a safetensors file, without the package that brings torch along.

The format is a length (8 bytes, little endian), a JSON header of that length and the numbers, one tensor after another
(https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from whence.core.errors import ArtifactError

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read all tensors of a file, by name, in the types that they are stored in.

    Raises:
        ArtifactError: the file cannot be read, is cut short, or holds a type of number that NumPy has none for.
    """
    try:
        content = path.read_bytes()
        length = int.from_bytes(content[:_LENGTH_BYTES], "little")
        if not 2 <= length <= min(_LONGEST_HEADER, len(content) - _LENGTH_BYTES):
            raise ValueError(f"a header of {length} bytes in a file of {len(content)}")
        start = _LENGTH_BYTES + length
        header = json.loads(content[_LENGTH_BYTES:start])
        return {name: _tensor(content, start, entry).copy() for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"The file {path} cannot be read as safetensors ({error}). Give the file as it was published, whole."
        ) from error


def _tensor(content: bytes, start: int, entry: dict[str, Any]) -> np.ndarray:
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"numbers of type {entry['dtype']}; known are {', '.join(_DTYPES)}")
    first, end = entry["data_offsets"]
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    if not 0 <= first <= end <= len(content) - start or (end - first) % dtype.itemsize:
        raise ValueError(f"a tensor at bytes {first} to {end} of {len(content) - start}")
    count = (end - first) // dtype.itemsize
    return np.frombuffer(content, dtype, count, start + first).reshape(entry["shape"])
