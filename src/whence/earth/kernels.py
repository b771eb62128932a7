"""Von Mises–Fisher kernels on the multi-order grid.

A kernel of spread σ km has the density ``exp(κ (cos θ − 1))`` with ``κ = (R/σ)²``, which for small σ is the
plane's Gaussian (Mardia & Jupp 2000, *Directional Statistics*, section 9.3.2).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import Numbers, ranges
from whence.earth import grid
from whence.earth.coordinates import point
from whence.earth.field import Field
from whence.earth.partition import Partition

_REACH = 6.0  # a kernel ends at six σ: 1.5e-8 of its mass lies beyond
_GRAIN = 0.5  # cells are at most half a σ across where the kernel is
_PAIRS_AT_ONCE = 4_000_000


def evaluate_kernels(
    lat_deg: Numbers, lon_deg: Numbers, weights: Numbers | None, sigma_km: Numbers, base_order: int
) -> tuple[Partition, Float[np.ndarray, " n"]]:
    """Density, relative to uniform, of a mixture of kernels, on a partition refined around each of them.

    Each kernel is scaled so that its cells sum to its weight exactly.

    Raises:
        ValueError: shapes differ, a weight is negative or all are zero, or a spread is not positive.
        CoordinateError: a point is not on Earth.
    """
    lat, lon = np.atleast_1d(np.asarray(lat_deg, np.float64)), np.atleast_1d(np.asarray(lon_deg, np.float64))
    sigma = np.broadcast_to(np.asarray(sigma_km, np.float64), lat.shape)
    share = np.ones(lat.shape) if weights is None else np.asarray(weights, np.float64)
    if lat.shape != lon.shape or share.shape != lat.shape or lat.size == 0:
        raise ValueError(f"Points, weights and spreads must match: {lat.shape}, {lon.shape}, {share.shape}.")
    if not (share >= 0).all() or not share.sum() > 0 or not (sigma > 0).all():
        raise ValueError("Weights must be >= 0 with a positive sum, and spreads positive.")
    for bad in np.flatnonzero(~((np.abs(lat) <= 90.0) & (np.abs(lon) <= 360.0)))[:1]:
        point(lat[bad], lon[bad])
    vectors = grid.unit_vectors(lat, lon)
    splits, owners, starts, ends = _cover(vectors, sigma, base_order)
    partition = Partition.from_splits(base_order, splits)
    return partition, _accumulate(partition, vectors, sigma, share / share.sum(), owners, starts, ends)


def _cover(
    vectors: Float[np.ndarray, "n 3"], sigma: Float[np.ndarray, " n"], base_order: int
) -> tuple[dict[int, np.ndarray], Int[np.ndarray, " p"], Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Find which cells each kernel touches, and which must be split for it.

    Returns:
        Splits by order, and for each pair of a kernel and a cell: the kernel, and the cell's range on order 29.
    """
    finest = np.array([max(grid.order_for_size_km(_GRAIN * s), base_order) for s in sigma.tolist()])
    finest = np.minimum(finest, grid.MAX_ORDER - 1)
    owner = np.repeat(np.arange(len(sigma)), 12)
    cell = np.tile(np.arange(12, dtype=np.int64), len(sigma))
    splits: dict[int, np.ndarray] = {}
    done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for order in range(int(finest.max()) + 1):
        centre = grid.unit_vectors(*grid.centres(cell, order))
        reach = _REACH * sigma[owner] + grid.radius_km(order)
        near = grid.chord_km(centre, vectors[owner]) <= reach
        owner, cell = owner[near], cell[near]
        shift = 2 * (grid.MAX_ORDER - order)
        end = finest[owner] <= order
        done.append((owner[end], cell[end] << shift, (cell[end] + 1) << shift))
        owner, cell = owner[~end], cell[~end]
        if order >= base_order:
            splits[order] = np.unique(cell)
        owner, cell = np.repeat(owner, 4), grid.children(cell, order, order + 1).ravel()
    owners, starts, ends = (np.concatenate(column) for column in zip(*done, strict=True))
    return splits, owners, starts, ends


def _accumulate(
    partition: Partition,
    vectors: Float[np.ndarray, "n 3"],
    sigma: Float[np.ndarray, " n"],
    share: Float[np.ndarray, " n"],
    owners: Int[np.ndarray, " p"],
    starts: Int[np.ndarray, " p"],
    ends: Int[np.ndarray, " p"],
) -> Float[np.ndarray, " m"]:
    """Sum the kernels over the leaves that lie in the ranges found for them."""
    first = np.searchsorted(partition.starts, starts)
    count = np.searchsorted(partition.starts, ends) - first
    by_owner = np.argsort(owners, kind="stable")
    owners, first, count = owners[by_owner], first[by_owner], count[by_owner]
    density = np.zeros(len(partition))
    touched = np.unique(ranges(first, count))
    place = np.empty(len(partition), dtype=np.int64)
    place[touched] = np.arange(touched.size)
    centres = partition.vectors_of(touched)
    kappa = (grid.EARTH_RADIUS_KM / sigma) ** 2
    block = np.cumsum(np.bincount(owners, count, minlength=len(sigma))) // _PAIRS_AT_ONCE
    edges = np.searchsorted(owners, np.flatnonzero(np.diff(block, prepend=-1)))
    for low, high in zip(edges, np.append(edges[1:], owners.size), strict=True):
        n = count[low:high]
        owner = np.repeat(owners[low:high], n)
        leaf = ranges(first[low:high], n)
        gap = centres[place[leaf]] - vectors[owner]
        value = np.exp(-0.5 * kappa[owner] * np.einsum("ij,ij->i", gap, gap))
        total = np.bincount(owner, value * partition.fractions[leaf], minlength=len(sigma))
        value *= (share / np.where(total > 0, total, 1.0))[owner]
        density += np.bincount(leaf, value, minlength=len(partition))
    return density


def convolve(field: Field, sigma_km: float) -> Field:
    """Convolve a field's density with a kernel; see `Field.smooth`."""
    order = max(grid.order_for_size_km(sigma_km / 1.25), 3)
    if order > 7:
        raise ValueError(f"Smoothing works from 64 km on, received {sigma_km} km.")
    coarse = field.resample(order)
    peak = float(coarse.values.max())
    mass = np.exp(coarse.values - peak)
    held = np.flatnonzero(mass > 1e-12)
    vectors = coarse.partition.vectors
    kappa = (grid.EARTH_RADIUS_KM / sigma_km) ** 2
    reach = _REACH * sigma_km
    block_order = int(np.clip(grid.order_for_size_km(reach) - 1, 0, order))
    block_vectors = Partition.uniform(block_order).vectors
    far = reach + 2.0 * grid.radius_km(block_order)
    out = np.zeros(len(mass))
    blocks = grid.parents(held, order, block_order)
    for block in np.unique(blocks).tolist():
        mine = held[blocks == block]
        around = np.flatnonzero(grid.chord_km(block_vectors, block_vectors[block]) <= far)
        near = grid.children(around, block_order, order).ravel()
        weight = np.exp(kappa * (vectors[mine] @ vectors[near].T - 1.0))
        weight *= (mass[mine] / weight.sum(axis=1))[:, None]
        out[near] += weight.sum(axis=0)
    with np.errstate(divide="ignore"):
        return Field(coarse.partition, np.log(out) + peak)
