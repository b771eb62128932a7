"""Mismatched pairs: for a query, references that do not show its place, easy, near and hard."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.earth.coordinates import distance_km
from whence.earth.tiles.georeference import GeoReference

Descriptor = Callable[[Sequence[UInt8[np.ndarray, "_ _ 3"]]], Float[np.ndarray, "n dim"]]
"""Pictures from above as unit vectors: those that look alike are close."""

_GRID, _BINS, _SIDE_PX = 4, 8, 96


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of each candidate's reference, in the candidates' order.

    Attributes:
        places: names of the places.
        points: latitude and longitude of the query, NaN where not known.
        edges: south, north, west and east of the references, NaN where not known; east above west, also where a
            reference crosses the antimeridian.
        vectors: of the references, from a descriptor.
    """

    places: tuple[str, ...]
    points: Float[np.ndarray, "n 2"]
    edges: Float[np.ndarray, "n 4"]
    vectors: Float[np.ndarray, "n dim"]


def allowed(known: Known, query: int, apart_km: float) -> Bool[np.ndarray, " n"]:
    """Which references surely do not show the place of a query.

    A reference of the same place is not allowed; nor is one whose rectangle touches that of the query's own reference;
    nor, where there are no rectangles, one of a place less than ``apart_km`` away.

    Args:
        known: of all candidates.
        query: index of the query.
        apart_km: distance from which places without a known extent do not overlap.
    """
    other = np.array(known.places) != known.places[query]
    rectangles = ~np.isnan(known.edges[:, 0]) & ~np.isnan(known.edges[query, 0])
    away = distances_km(known, query)
    far = np.isnan(away) | (away >= apart_km)
    return other & np.where(rectangles, ~touching(known.edges, query), far)


def distances_km(known: Known, query: int) -> Float[np.ndarray, " n"]:
    """From a query to all others; NaN where a place is not known."""
    lat, lon = known.points.T
    out = np.full(len(lat), np.nan)
    there = ~np.isnan(lat)
    if there[query]:
        count = int(there.sum())
        out[there] = distance_km(np.full(count, lat[query]), np.full(count, lon[query]), lat[there], lon[there])
    return out


def edges_of(place: GeoReference | None) -> tuple[float, float, float, float]:
    """South, north, west and east of a picture, as `Known.edges` holds them."""
    if place is None:
        return (math.nan,) * 4
    box = place.bounds
    return box.south, box.north, box.west, box.east + (360.0 if box.west > box.east else 0.0)


def touching(edges: Float[np.ndarray, "n 4"], query: int) -> Bool[np.ndarray, " n"]:
    """Which latitude–longitude rectangles touch one of them; those that are not known do not."""
    south, north, west, east = edges.T
    high = (south <= north[query]) & (south[query] <= north)
    wide = (np.mod(west - west[query], 360.0) <= east[query] - west[query]) | (
        np.mod(west[query] - west, 360.0) <= east - west
    )
    return high & wide


def choose(
    known: Known, query: int, difficulty: str, count: int, apart_km: float, generator: np.random.Generator
) -> list[int]:
    """References that do not match a query.

    Args:
        known: of all candidates.
        query: index of the query.
        difficulty: ``easy`` (any other place), ``near`` (the nearest that do not overlap), ``hard`` (the most alike).
        count: how many; fewer if there are not so many.
        apart_km: see `allowed`.
        generator: draws the easy ones.
    """
    usable = np.flatnonzero(allowed(known, query, apart_km))
    if difficulty == "easy":
        return [int(i) for i in generator.permutation(usable)[:count]]
    if difficulty == "near":
        away = distances_km(known, query)[usable]
        return [int(i) for i in usable[np.argsort(away, kind="stable")][: min(count, int((~np.isnan(away)).sum()))]]
    alike = known.vectors[usable] @ known.vectors[query]
    return [int(i) for i in usable[np.argsort(-alike, kind="stable")][:count]]


def plain_descriptor(pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> Float[np.ndarray, "n dim"]:
    """Colours and directions of gradients in a grid of 4 × 4 parts: alike without any network.

    Histograms of oriented gradients after Dalal and Triggs (CVPR 2005), without blocks, beside the mean colour.
    """
    import cv2

    out = []
    for picture in pictures:
        small = cv2.resize(picture, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
        dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        strength = np.hypot(dx, dy)
        bins = np.minimum((np.mod(np.arctan2(dy, dx), np.pi) / np.pi * _BINS).astype(int), _BINS - 1)
        part = _SIDE_PX // _GRID
        cells = np.add.outer(np.arange(_SIDE_PX) // part * _GRID, np.arange(_SIDE_PX) // part)
        turned = np.bincount((cells * _BINS + bins).ravel(), strength.ravel(), _GRID * _GRID * _BINS)
        colour = small.reshape(_GRID, part, _GRID, part, 3).mean(axis=(1, 3)).ravel() / 255.0
        vector = np.concatenate([_unit(turned), _unit(colour - colour.mean())])
        out.append(_unit(vector))
    return np.asarray(out, np.float64).reshape(len(pictures), -1)


def _unit(vector: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
