"""Vectors in eight bits, how wrong their products can be, and the graph that multiplies them.

A row ``x`` is kept as ``x̂ = scale · c`` with whole numbers ``c`` within ±127. By Cauchy and Schwarz

    |⟨x, q⟩ − ⟨x̂, q̂⟩| ≤ ‖x − x̂‖ ‖q‖ + ‖x̂‖ ‖q − q̂‖,

so that a product in eight bits bounds the true one from above and below, and no row outside the bounds need be read
in full. Queries are kept in two columns of seven bits, the second for what the first leaves over: with seven bits,
processors whose byte products add up in sixteen bits do not overflow.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float, Int8, UInt8

LIMIT: Final = 127
"""Largest code of a row."""

QUERY_LIMIT: Final = 63
"""Largest code of a query; codes are kept with this much plus one added, as bytes."""

ZERO: Final = QUERY_LIMIT + 1
COLUMNS: Final = 2
"""Columns of a query."""

_OPSET, _IR_VERSION = 13, 8
_UINT8, _INT8, _INT32 = 2, 3, 6


def encode_rows(
    rows: Float[np.ndarray, "n d"],
) -> tuple[Int8[np.ndarray, "n d"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Bring rows to eight bits.

    Returns:
        Codes, the scale of each row, and the length of what is lost of it, rounded up.
    """
    scale = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny).astype(np.float32) / np.float32(LIMIT)
    codes = np.clip(np.rint(rows / scale[:, None]), -LIMIT, LIMIT).astype(np.int8)
    lost = np.linalg.norm(rows.astype(np.float64) - codes * scale[:, None].astype(np.float64), axis=1)
    return codes, scale, np.nextafter((lost * (1 + 1e-6)).astype(np.float32), np.float32(np.inf))


def encode_query(
    query: Float[np.ndarray, " d"],
) -> tuple[UInt8[np.ndarray, "2 d"], Float[np.ndarray, " 2"], float]:
    """Bring a query to two columns of seven bits.

    Returns:
        Codes with `ZERO` added, the scale of each column, and the length of what is lost.
    """
    first = max(float(np.abs(query).max()) / QUERY_LIMIT, float(np.finfo(np.float32).tiny))
    scales = np.array([first, first / (2 * QUERY_LIMIT)])
    rest, columns = query.astype(np.float64), []
    for scale in scales:
        codes = np.clip(np.rint(rest / scale), -QUERY_LIMIT, QUERY_LIMIT)
        rest = rest - scale * codes
        columns.append((codes + ZERO).astype(np.uint8))
    return np.stack(columns), scales, float(np.linalg.norm(rest))


def product_graph(rows: int, dim: int, file: str, offset: int) -> bytes:
    """Graph that multiplies queries with all rows: ``queries`` uint8 ``[c, dim]`` → ``product`` int32 ``[c, rows]``.

    The codes stay in a file beside the graph. ONNX Runtime brings constants into the order that its kernels read,
    which is why they are one, and not an input. Four messages of the format are all that is needed, so they are
    written here, and building a gallery does not need the package ``onnx``.

    Args:
        rows: of the gallery.
        dim: length of a vector.
        file: with the codes, int8 ``[dim, rows]``, in the folder of the graph.
        offset: at which they begin in it, bytes.
    """
    where = {"location": file, "offset": str(offset), "length": str(dim * rows)}
    entries = b"".join(_bytes(13, _bytes(1, key) + _bytes(2, value)) for key, value in where.items())
    codes = _whole(1, dim) + _whole(1, rows) + _whole(2, _INT8) + _bytes(8, "rows") + entries + _whole(14, 1)
    zero = _whole(2, _UINT8) + _bytes(8, "zero") + _bytes(9, bytes([ZERO]))
    inputs = b"".join(_bytes(1, name) for name in ("queries", "rows", "zero"))
    node = inputs + _bytes(2, "product") + _bytes(4, "MatMulInteger")
    given, found = _value("queries", _UINT8, ("c", dim)), _value("product", _INT32, ("c", rows))
    graph = _bytes(1, node) + _bytes(2, "products") + _bytes(5, codes) + _bytes(5, zero)
    graph += _bytes(11, given) + _bytes(12, found)
    return _whole(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, _whole(2, _OPSET))


def _value(name: str, kind: int, shape: tuple[str | int, ...]) -> bytes:
    """ValueInfoProto of a tensor."""
    sides = b"".join(_bytes(1, _whole(1, side) if isinstance(side, int) else _bytes(2, side)) for side in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _whole(1, kind) + _bytes(2, sides)))


def _bytes(field: int, content: bytes | str) -> bytes:
    """Field of protocol buffers with a length: text, bytes or a message."""
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _whole(field: int, number: int) -> bytes:
    """Field of protocol buffers with a whole number."""
    return _varint(field << 3) + _varint(number)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
