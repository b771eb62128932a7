"""Splits of places into training, validation and test, so that nothing held out has a neighbour in training.

A random split measures memory where many pictures show the same place. The other splits hold out whole groups:
blocks of the Earth (spatial block cross-validation: Roberts et al. 2017, *Cross-validation strategies for data
with temporal, spatial, hierarchical, or phylogenetic structure*), photographers, or countries. A buffer then drops
what of the training lies too near to anything held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import InputError
from whence.earth import grid
from whence.earth.coordinates import wrap_lon_deg
from whence.earth.nearest import NearestPoints

PARTS = ("training", "validation", "test")
"""Names of the three parts, in the order of shares."""

SHARES = (0.8, 0.1, 0.1)
"""Usual shares of the parts."""

_SPHERE_SLACK = 1.007  # distances on the authalic sphere are within 0.6 % of WGS84 geodesics


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which samples are trained on, chosen by, and tested on.

    Attributes:
        train: ascending indices of the training samples.
        validation: ascending indices of those by which settings are chosen.
        test: ascending indices of those that are measured once.
        count: number of all samples; those in no part were dropped by a buffer.
    """

    train: Int[np.ndarray, " n"]
    validation: Int[np.ndarray, " m"]
    test: Int[np.ndarray, " k"]
    count: int

    def __post_init__(self) -> None:
        """Check that the parts are ascending, disjoint and within the samples.

        Raises:
            InputError: they are not.
        """
        for name, part in zip(PARTS, self.parts, strict=True):
            if part.size and (part[0] < 0 or part[-1] >= self.count or (np.diff(part) <= 0).any()):
                raise InputError(f"The {name} part must hold ascending indices within 0..{self.count - 1}.")
        together = np.concatenate(self.parts)
        if np.unique(together).size != together.size:
            raise InputError("A sample is in two parts of a split: each may be in one only.")

    @property
    def parts(self) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"], Int[np.ndarray, " k"]]:
        """Training, validation and test."""
        return self.train, self.validation, self.test

    @property
    def held_out(self) -> Int[np.ndarray, " n"]:
        """Ascending indices of validation and test together."""
        return np.sort(np.concatenate([self.validation, self.test]))

    @property
    def dropped(self) -> Int[np.ndarray, " n"]:
        """Ascending indices of the samples in no part."""
        return np.setdiff1d(np.arange(self.count), np.concatenate(self.parts))


def random_split(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    *,
    generator: np.random.Generator,
    shares: tuple[float, float, float] = SHARES,
    buffer_km: float = 0.0,
) -> Split:
    """Split sample by sample: neighbours of test samples are in training unless a buffer drops them.

    Args:
        lat_deg: latitudes, degrees.
        lon_deg: longitudes, degrees.
        generator: source of the draw.
        shares: of training, validation and test; they sum to 1.
        buffer_km: training samples nearer than this to anything held out are dropped.

    Raises:
        InputError: shares or buffer that are none, coordinates that are none, or too few samples.
    """
    _check_points(lat_deg, lon_deg)
    keys = np.arange(lat_deg.size)
    return with_buffer(_by_groups(keys, _checked(shares), generator, "sample"), lat_deg, lon_deg, buffer_km)


def block_split(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    *,
    generator: np.random.Generator,
    block_deg: float = 10.0,
    order: int | None = None,
    shares: tuple[float, float, float] = SHARES,
    buffer_km: float = 0.0,
) -> Split:
    """Split by whole blocks of the Earth: test pictures show places of which nothing near was seen.

    Args:
        lat_deg: latitudes, degrees.
        lon_deg: longitudes, degrees.
        generator: source of the draw.
        block_deg: side of the blocks in latitude and longitude, degrees; blocks begin at 90° S, 180° W.
        order: if given, blocks are the HEALPix cells of this order instead, all of the same area.
        shares: of training, validation and test among the samples; they sum to 1.
        buffer_km: training samples nearer than this to anything held out are dropped.

    Raises:
        InputError: shares, blocks or buffer that are none, coordinates that are none, or fewer blocks than parts.
    """
    _check_points(lat_deg, lon_deg)
    keys = blocks_at(lat_deg, lon_deg, block_deg) if order is None else cells_at(lat_deg, lon_deg, order)
    return with_buffer(_by_groups(keys, _checked(shares), generator, "block"), lat_deg, lon_deg, buffer_km)


def group_split(
    groups: Sequence[str | None],
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    *,
    generator: np.random.Generator,
    shares: tuple[float, float, float] = SHARES,
    buffer_km: float = 0.0,
) -> Split:
    """Split by photographer: all pictures of one person are in one part.

    Args:
        groups: photographer, album or sequence of each sample; those without one (``None`` or empty) stay together,
            as any two of them may be of one person.
        lat_deg: latitudes, degrees.
        lon_deg: longitudes, degrees.
        generator: source of the draw.
        shares: of training, validation and test among the samples; they sum to 1.
        buffer_km: training samples nearer than this to anything held out are dropped.

    Raises:
        InputError: shares or buffer that are none, lengths that differ, or fewer groups than parts.
    """
    _check_points(lat_deg, lon_deg)
    if len(groups) != lat_deg.size:
        raise InputError(f"Each sample needs a group or None: received {len(groups)} for {lat_deg.size} samples.")
    _, keys = np.unique(np.asarray([group or "" for group in groups], dtype=str), return_inverse=True)
    return with_buffer(_by_groups(keys, _checked(shares), generator, "group"), lat_deg, lon_deg, buffer_km)


def country_split(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    *,
    generator: np.random.Generator,
    shares: tuple[float, float, float] = SHARES,
    buffer_km: float = 0.0,
) -> Split:
    """Split by country: whole countries are held out. The open sea counts as one country.

    Args:
        lat_deg: latitudes, degrees.
        lon_deg: longitudes, degrees.
        generator: source of the draw.
        shares: of training, validation and test among the samples; they sum to 1.
        buffer_km: training samples nearer than this to anything held out are dropped.

    Raises:
        InputError: shares or buffer that are none, coordinates that are none, or fewer countries than parts.
    """
    from whence.earth.regions import RegionLevel, regions

    _check_points(lat_deg, lon_deg)
    keys = regions(RegionLevel.COUNTRY).indices_at(lat_deg, lon_deg)
    return with_buffer(_by_groups(keys, _checked(shares), generator, "country"), lat_deg, lon_deg, buffer_km)


def blocks_at(
    lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"], block_deg: float = 10.0
) -> Int[np.ndarray, " n"]:
    """Number of the block of an equal-angle grid that holds each point: rows from the south, columns from 180° W.

    Raises:
        InputError: the side is not within (0, 180].
    """
    if not 0.0 < block_deg <= 180.0:
        raise InputError(f"Blocks must be more than 0 and at most 180 degrees wide, received {block_deg}.")
    rows, columns = math.ceil(180.0 / block_deg), math.ceil(360.0 / block_deg)
    row = np.clip(((lat_deg + 90.0) // block_deg).astype(np.int64), 0, rows - 1)
    column = np.clip(((wrap_lon_deg(lon_deg) + 180.0) // block_deg).astype(np.int64), 0, columns - 1)
    return np.asarray(row * columns + column)


def cells_at(lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"], order: int) -> Int[np.ndarray, " n"]:
    """HEALPix cell of each point: blocks of equal area (order 3: 768 blocks, each about 815 km across).

    Raises:
        InputError: the order is none.
    """
    if not 0 <= order <= grid.MAX_ORDER:
        raise InputError(f"Cells have an order of 0..{grid.MAX_ORDER}, received {order}.")
    return np.asarray(grid.cells_at(lat_deg, lon_deg, order))


def with_buffer(
    split: Split, lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"], buffer_km: float
) -> Split:
    """Drop the training samples that are nearer than a distance to any sample held out.

    No training sample is left within ``buffer_km`` (WGS84 geodesic) of one held out; some up to 0.7 % beyond it go
    too, as nearness is judged on the sphere of equal area.

    Raises:
        InputError: the distance is negative or not finite.
    """
    if not (math.isfinite(buffer_km) and buffer_km >= 0.0):
        raise InputError(f"A buffer must be a finite distance of 0 km or more, received {buffer_km}.")
    held = split.held_out
    if buffer_km == 0.0 or held.size == 0 or split.train.size == 0:
        return split
    places = np.unique(np.stack([lat_deg[held], wrap_lon_deg(lon_deg[held])], axis=1), axis=0)
    vectors = grid.unit_vectors(places[:, 0], places[:, 1])
    nearest = NearestPoints(vectors, np.arange(len(vectors)))
    lat, lon = lat_deg[split.train], wrap_lon_deg(lon_deg[split.train])
    gap = grid.chord_km(grid.unit_vectors(lat, lon), vectors[nearest.nearest_each(lat, lon)])
    kept = split.train[gap > buffer_km * _SPHERE_SLACK]
    return Split(kept, split.validation, split.test, split.count)


def _checked(shares: tuple[float, float, float]) -> Float[np.ndarray, " 3"]:
    given = np.asarray(shares, np.float64)
    if given.shape != (3,) or not np.isfinite(given).all() or (given < 0).any() or abs(given.sum() - 1.0) > 1e-6:
        raise InputError(f"Shares of {', '.join(PARTS)} must be three numbers ≥ 0 with the sum 1, received {shares}.")
    return given


def _check_points(lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> None:
    if lat_deg.shape != lon_deg.shape:
        raise InputError(f"Latitudes and longitudes must be as many, received {lat_deg.size} and {lon_deg.size}.")
    good = (np.abs(lat_deg) <= 90.0) & (np.abs(lon_deg) <= 360.0)
    if not good.all():
        bad = int(np.flatnonzero(~good)[0])
        raise InputError(f"Sample {bad} is at ({lat_deg[bad]}, {lon_deg[bad]}), which is no latitude and longitude.")


def _by_groups(
    keys: Int[np.ndarray, " n"], shares: Float[np.ndarray, " 3"], generator: np.random.Generator, kind: str
) -> Split:
    """Deal whole groups, shuffled, to the parts.

    The samples stand in a row, group after group in random order, and are cut at the shares; a group goes where its
    middle lies. A part that comes out empty gets the smallest group of the part that is richest for its share.
    """
    _, owner, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    wanted = np.flatnonzero(shares > 0)
    if sizes.size < wanted.size:
        raise InputError(
            f"A split into {wanted.size} parts needs as many {kind} groups at least, received {sizes.size}. "
            "Give more samples, or set the share of a part to 0."
        )
    order = generator.permutation(sizes.size)
    ends = np.cumsum(sizes[order])
    middle = (ends - 0.5 * sizes[order]) / ends[-1]
    part = np.empty(sizes.size, np.int64)
    cuts = np.cumsum(shares[wanted])[:-1]
    part[order] = wanted[np.searchsorted(cuts, middle, side="right")]
    for empty in (p for p in wanted if not (part == p).any()):
        counts = np.bincount(part, minlength=3)
        filled = np.bincount(part, weights=sizes, minlength=3)
        rich = np.where(counts >= 2, filled / np.maximum(shares, 1e-12), -1.0)
        from_part = np.flatnonzero(part == int(np.argmax(rich)))
        part[from_part[np.argmin(sizes[from_part])]] = empty
    train, validation, test = (np.flatnonzero(part[owner] == p) for p in range(3))
    return Split(train, validation, test, keys.size)
