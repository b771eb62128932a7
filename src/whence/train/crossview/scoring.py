"""How well views find the satellite pictures of their places, and each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.train.crossview.data.types import SATELLITE, Part
from whence.train.crossview.loop import embedded
from whence.train.crossview.model import CrossViewNet

_PIECE = 2_048


def ranks(
    queries: Float[np.ndarray, "n dim"],
    references: Float[np.ndarray, "m dim"],
    query_place: Int[np.ndarray, " n"],
    reference_place: Int[np.ndarray, " m"],
) -> Int[np.ndarray, " n"]:
    """How many references of other places come before the best of each query's own; of equals the others come first.

    Queries without a reference of their place get the number of all references.
    """
    out = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), _PIECE):
        rows = slice(start, start + _PIECE)
        cosine = queries[rows] @ references.T
        own = query_place[rows, None] == reference_place[None]
        best = np.where(own, cosine, -np.inf).max(axis=1)
        out[rows] = np.where(own.any(1), ((cosine >= best[:, None]) & ~own).sum(1), len(references))
    return out


def recalls(rank: Int[np.ndarray, " n"], gallery: int) -> dict[str, float | int]:
    """R@1, R@5, R@10 and R@1 % in per cent, with the number of queries."""
    percent = max(1, int(np.ceil(gallery / 100)))
    at = {"r1": 1, "r5": 5, "r10": 10, "r1_percent": percent}
    shares = {name: round(100 * float((rank < k).mean()), 2) if len(rank) else 0.0 for name, k in at.items()}
    return {**shares, "queries": len(rank), "gallery": gallery}


def scores(net: CrossViewNet, part: Part, variants: tuple[str, ...], registered: bool = False) -> dict[str, Any]:
    """Recalls of every ordered pair of variants, by ``query→reference``.

    Queries are the counted pictures whose counterpart is counted as well, references all pictures of the part. Variants
    that the part has no picture of are left out. Pictures are embedded in the ways of the network.
    """
    names = (*(name for name in variants if name in part.pictures), SATELLITE)
    vectors = embedded(net, part, names, registered, net.ways)
    return {
        f"{query}→{reference}": recalls(*_of_pair(part, vectors, query, reference))
        for query, reference in permutations(names, 2)
    }


def _of_pair(
    part: Part, vectors: Mapping[str, Float[np.ndarray, "_ dim"]], query: str, reference: str
) -> tuple[Int[np.ndarray, " n"], int]:
    asked, given = part.variant(query), part.variant(reference)
    known = _places(part, given.place[given.counted])
    chosen = asked.counted & known[asked.place]
    found = ranks(vectors[query][chosen], vectors[reference], asked.place[chosen], given.place)
    return found, len(given)


def _places(part: Part, rows: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " p"]:
    known = np.zeros(len(part), bool)
    known[rows] = True
    return known
