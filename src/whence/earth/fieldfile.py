"""The file of a `Field`: versioned, compressed, checked, without pickle.

Layout: the eight bytes ``WHENCEF1``; a little-endian 32-bit length and that many bytes of JSON header (schema,
cells, precision, SHA-256 of the payload, free ``about`` text); then a zlib stream of the cells' orders (one
byte each, differences) and values (little-endian float32, or float64 if asked). The cells themselves follow
from the orders.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np

from whence.core.errors import ArtifactError
from whence.earth.field import Field
from whence.earth.partition import Partition

_MAGIC = b"WHENCEF1"
_SCHEMA = "whence.field/1"
_MAX_CELLS = 50_000_000


def to_bytes(field: Field, *, exact: bool = False, about: str = "") -> bytes:
    """Serialise a field; ``exact`` keeps 64 bits a value instead of 32."""
    kind = "<f8" if exact else "<f4"
    orders = np.diff(field.partition.orders, prepend=np.uint8(0)).tobytes()
    payload = orders + field.values.astype(kind).tobytes()
    header = {
        "schema": _SCHEMA,
        "cells": len(field.partition),
        "dtype": kind,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "about": about,
    }
    head = json.dumps(header, sort_keys=True).encode()
    return _MAGIC + struct.pack("<I", len(head)) + head + zlib.compress(payload, 6)


def from_bytes(data: bytes, name: str = "the data") -> Field:
    """Read what `to_bytes` wrote.

    Raises:
        ArtifactError: not such a file, damaged, or of another version.
    """
    if data[:8] != _MAGIC:
        raise ArtifactError(f"{name} is not a field file of whence (it does not begin with {_MAGIC.decode()}).")
    try:
        (length,) = struct.unpack_from("<I", data, 8)
        header = json.loads(data[12 : 12 + length])
        cells, kind = int(header["cells"]), str(header["dtype"])
        if header["schema"] != _SCHEMA or kind not in {"<f4", "<f8"} or not 0 < cells <= _MAX_CELLS:
            raise ArtifactError(f"{name} has schema {header['schema']!r}; this version reads {_SCHEMA!r}.")
        size = cells * (1 + int(kind[-1]))
        payload = zlib.decompressobj().decompress(data[12 + length :], size + 1)
    except (struct.error, ValueError, KeyError, TypeError, zlib.error) as error:
        raise ArtifactError(f"{name} is damaged: {error}. Make it again.") from error
    if len(payload) != size or hashlib.sha256(payload).hexdigest() != header["sha256"]:
        raise ArtifactError(f"{name} is damaged: its content does not match its hash. Make it again.")
    orders = np.cumsum(np.frombuffer(payload, np.uint8, cells), dtype=np.uint8)
    values = np.frombuffer(payload, kind, offset=cells).astype(np.float64)
    partition = Partition.from_orders(orders)
    lowest = int(orders.min())
    return Field(Partition.uniform(lowest) if lowest == int(orders.max()) else partition, values)


def save(field: Field, path: Path) -> None:
    """Write a field to a file, whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(to_bytes(field))
    partial.replace(path)


def load(path: Path) -> Field:
    """Read a field from a file.

    Raises:
        ArtifactError: as `from_bytes`, or the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"The field file {path} cannot be read: {error.strerror}.") from error
    return from_bytes(data, str(path))
