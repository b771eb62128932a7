"""Exact nearest points on the sphere: a planar tree gives a first guess, its distance a window to search in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float, Int

from whence.earth import grid

if TYPE_CHECKING:
    from shapely import STRtree

_FEW = 4096  # so few points are all looked at
_CHUNK = 4096
_FIRST_WINDOW_RAD = 0.004  # 25 km


@final
class NearestPoints:
    """Nearest of a fixed set of points, by distance on the authalic sphere.

    Args:
        vectors: unit vectors.
        index: what to call the points, ascending.
    """

    def __init__(self, vectors: Float[np.ndarray, "n 3"], index: Int[np.ndarray, " n"]) -> None:
        self._vectors, self._index = vectors, index

    def __len__(self) -> int:
        return int(self._index.size)

    @cached_property
    def _tree(self) -> STRtree:
        """Tree over (longitude, authalic latitude) in radians."""
        import shapely

        lon, lat = _angles(self._vectors)
        return shapely.STRtree(shapely.points(lon, lat))

    def nearest(self, lat_deg: float, lon_deg: float, k: int) -> Int[np.ndarray, " k"]:
        """Names of the ``k`` nearest points (fewer if there are not as many), nearest first."""
        vector = grid.unit_vectors(lat_deg, lon_deg)
        radius = _FIRST_WINDOW_RAD
        rows: Int[np.ndarray, " m"] = np.arange(len(self))
        while len(self) > _FEW and radius < np.pi:
            _, window = self._within(vector[None], np.asarray([radius]))
            within = self._gap(window, vector) <= (2.0 * np.sin(radius / 2.0)) ** 2
            if within.sum() >= k:
                rows = window
                break
            radius *= 3.0
        gap = self._gap(rows, vector)
        return self._index[rows[np.lexsort((rows, gap))[:k]]]

    def nearest_each(self, lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Name of the nearest point to each of many."""
        import shapely

        points = grid.unit_vectors(lat_deg, lon_deg)
        found = np.empty(len(points), np.int64)
        for start in range(0, len(points), _CHUNK):
            part = points[start : start + _CHUNK]
            guess = self._tree.nearest(shapely.points(*_angles(part)))
            radius = 2.0 * np.arcsin(np.minimum(np.linalg.norm(self._vectors[guess] - part, axis=1) / 2.0, 1.0))
            owner, rows = self._within(part, radius + 1e-9)
            gap = np.linalg.norm(self._vectors[rows] - part[owner], axis=1)
            ranked = np.lexsort((rows, gap, owner))
            first = ranked[np.flatnonzero(np.diff(owner[ranked], prepend=-1))]
            found[start : start + len(part)] = rows[first]
        return self._index[found]

    def _gap(self, rows: Int[np.ndarray, " m"], vector: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " m"]:
        away = self._vectors[rows] - vector
        return np.einsum("ij,ij->i", away, away)

    def _within(
        self, centres: Float[np.ndarray, "n 3"], radius: Float[np.ndarray, " n"]
    ) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """Pairs (centre, row) that hold every point within an angle of each centre, and some more."""
        import shapely

        lon, lat = _angles(centres)
        south, north = lat - radius, lat + radius
        polar = (south <= -np.pi / 2) | (north >= np.pi / 2)
        half = np.arcsin(np.minimum(np.sin(np.minimum(radius, np.pi / 2)) / np.maximum(np.cos(lat), 1e-12), 1.0))
        half = np.where(polar, np.pi, half + 1e-9)
        owner = np.arange(lat.size)
        over = np.flatnonzero((np.abs(lon) + half > np.pi) & ~polar)
        turned = lon[over] - np.sign(lon[over]) * 2.0 * np.pi
        owner = np.concatenate([owner, over])
        lon = np.concatenate([lon, turned])
        boxes = shapely.box(lon - half[owner], south[owner], lon + half[owner], north[owner])
        boxes[: lat.size][polar] = shapely.box(-4.0, south[polar], 4.0, north[polar])
        box, rows = self._tree.query(boxes)
        return owner[box], rows


def _angles(vectors: Float[np.ndarray, "n 3"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Longitude and authalic latitude, radians."""
    lat = np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1]))
    return np.arctan2(vectors[:, 1], vectors[:, 0]), lat
