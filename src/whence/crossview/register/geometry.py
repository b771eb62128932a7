"""Transforms of the plane from point pairs: robust similarity, least squares, and the choice of the model.

A similarity maps the position z = x + iy to a z + b with complex a and b, so two pairs give it. Few parameters and a
prior on scale and turn find a true transform among many false pairs, where four pairs of a homography would not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.crossview.register.picture import Transform

Points = Float[np.ndarray, "n 2"]
"""Positions x, y."""

PARAMETERS = {"similarity": 4, "affine": 6, "homography": 8}
"""Numbers that a model takes."""

_CHUNK = 256
_LEAST_DEPTH = 1e-9


@dataclass(frozen=True, slots=True)
class Allowed:
    """What transforms are looked for.

    Attributes:
        scale: least and greatest factor.
        turn_deg: middle of the allowed turns, clockwise.
        turn_range_deg: furthest from it; 180 allows all.
    """

    scale: tuple[float, float] = (0.0, math.inf)
    turn_deg: float = 0.0
    turn_range_deg: float = 180.0

    def holds(self, factor: np.ndarray) -> np.ndarray:
        """Which complex factors are allowed."""
        size = np.abs(factor)
        off = np.abs(np.angle(factor * np.exp(-1j * math.radians(self.turn_deg))))
        return (size >= self.scale[0]) & (size <= self.scale[1]) & (off <= math.radians(self.turn_range_deg) + 1e-9)


def mapped(transform: Transform, points: Points) -> Points:
    """Positions after a homography."""
    found = points @ transform[:, :2].T + transform[:, 2]
    depth = np.where(np.abs(found[:, 2:]) < _LEAST_DEPTH, _LEAST_DEPTH, found[:, 2:])
    moved: np.ndarray = found[:, :2] / depth
    return moved


def residuals(transform: Transform, query: Points, reference: Points) -> Float[np.ndarray, " n"]:
    """Distances between where a transform takes query positions and the reference positions."""
    found: np.ndarray = np.linalg.norm(mapped(transform, query) - reference, axis=1)
    return found


def robust_similarities(
    query: Points,
    reference: Points,
    score: Float[np.ndarray, " n"],
    allowed: Allowed,
    inlier_px: float,
    generator: np.random.Generator,
    *,
    samples: int,
    keep: int,
) -> list[tuple[float, Transform]]:
    """The similarities that explain most pairs, each refined, best first.

    Two pairs at a time are drawn, the surer the likelier (Torr and Zisserman, MLESAC, CVIU 2000, for the truncated
    cost; Chum and Matas, PROSAC, CVPR 2005, for drawing by rank).

    Args:
        query: positions in the query.
        reference: positions in the reference.
        score: how sure each pair is.
        allowed: scales and turns.
        inlier_px: distance in the reference at which a pair counts nothing.
        generator: draws the pairs.
        samples: how many are drawn.
        keep: at most so many, which differ by more than twice ``inlier_px`` at the middle of the query.

    Returns:
        Support (sum of 1 − (e/inlier_px)² over the pairs) and transform.
    """
    n = len(query)
    if n < 3:
        return []
    z, w = _complex(query), _complex(reference)
    factor, shift = _hypotheses(z, w, score, allowed, inlier_px, generator, samples)
    if not len(factor):
        return []
    support = _supports(factor, shift, z, w, inlier_px)
    middle, found = z.mean(), list[tuple[float, Transform]]()
    taken = list[complex]()
    for i in np.argsort(-support, kind="stable"):
        place = complex(factor[i] * middle + shift[i])
        if any(abs(place - other) < 2 * inlier_px for other in taken):
            continue
        taken.append(place)
        found.append(_improved(query, reference, _matrix(complex(factor[i]), complex(shift[i])), inlier_px))
        if len(found) == keep:
            break
    return sorted(found, key=lambda item: -item[0])


def _hypotheses(
    z: np.ndarray,
    w: np.ndarray,
    score: np.ndarray,
    allowed: Allowed,
    inlier_px: float,
    generator: np.random.Generator,
    samples: int,
) -> tuple[np.ndarray, np.ndarray]:
    n = len(z)
    rank = np.empty(n)
    rank[np.argsort(-score, kind="stable")] = np.arange(n)
    chance = 1.0 / (rank + 0.1 * n + 5.0)
    # As `Generator.choice` draws, but rows are looked at only until there are enough.
    below = (chance / chance.sum()).cumsum()
    below /= below[-1]
    drawn = generator.random((16 * samples, 2))
    factors, shifts, left = list[np.ndarray](), list[np.ndarray](), samples
    for start in range(0, len(drawn), samples):
        pairs = below.searchsorted(drawn[start : start + samples], side="right")
        dz, dw = z[pairs[:, 1]] - z[pairs[:, 0]], w[pairs[:, 1]] - w[pairs[:, 0]]
        apart = (np.abs(dw) > 8 * inlier_px) & (np.abs(dz) > 0)
        factor = dw[apart] / dz[apart]
        kept = allowed.holds(factor)
        factor, first = factor[kept][:left], pairs[apart, 0][kept][:left]
        factors.append(factor)
        shifts.append(w[first] - factor * z[first])
        left -= len(factor)
        if not left:
            break
    return np.concatenate(factors), np.concatenate(shifts)


def _supports(
    factor: np.ndarray, shift: np.ndarray, z: np.ndarray, w: np.ndarray, inlier_px: float
) -> Float[np.ndarray, " n"]:
    """Support of many similarities; see `support`."""
    one = np.ones(len(z))
    across, down = np.stack([z.real, -z.imag, one, -w.real]), np.stack([z.imag, z.real, one, -w.imag])
    found = np.empty(len(factor))
    for start in range(0, len(factor), _CHUNK):
        a, b = factor[start : start + _CHUNK], shift[start : start + _CHUNK]
        e = np.square(np.stack([a.real, a.imag, b.real, np.ones(len(a))], axis=1) @ across)
        e += np.square(np.stack([a.real, a.imag, b.imag, np.ones(len(a))], axis=1) @ down)
        e /= -(inlier_px**2)
        e += 1.0
        np.maximum(e, 0.0, out=e)
        found[start : start + _CHUNK] = e.sum(axis=1)
    return found


def _improved(query: Points, reference: Points, transform: Transform, inlier_px: float) -> tuple[float, Transform]:
    """The transform after a few least squares on its inliers, where that raises the support."""
    best = support(transform, query, reference, inlier_px)
    for _ in range(4):
        near = residuals(transform, query, reference) < inlier_px
        if near.sum() < 3:
            break
        candidate = fitted("similarity", query[near], reference[near])
        if candidate is None:
            break
        reached = support(candidate, query, reference, inlier_px)
        if reached <= best:
            break
        best, transform = reached, candidate
    return best, transform


def support(transform: Transform, query: Points, reference: Points, inlier_px: float) -> float:
    """Sum of 1 − (e/inlier_px)² over the pairs that are nearer than ``inlier_px``."""
    e = residuals(transform, query, reference) / inlier_px
    return float(np.maximum(1.0 - e**2, 0.0).sum())


def fitted(
    model: str, query: Points, reference: Points, weight: Float[np.ndarray, " n"] | None = None
) -> Transform | None:
    """Weighted least squares of a model; ``None`` where the points do not determine it.

    Positions are centred and scaled before (Hartley, In defense of the eight-point algorithm, PAMI 1997); a homography
    is then refined on distances in the reference by Gauss and Newton.
    """
    w = np.ones(len(query)) if weight is None else weight
    if 2 * np.count_nonzero(w) < PARAMETERS[model]:
        return None
    to_q, to_r = _conditioner(query, w), _conditioner(reference, w)
    if to_q is None or to_r is None:
        return None
    q, r = mapped(to_q, query), mapped(to_r, reference)
    start = _linear("similarity" if model == "similarity" else "affine", q, r, w)
    if start is None:
        return None
    inner = _newton(q, r, w, start) if model == "homography" else start
    if inner is None:
        return None
    found: np.ndarray = np.linalg.inv(to_r) @ inner @ to_q
    return found / found[2, 2] if abs(found[2, 2]) > _LEAST_DEPTH and np.isfinite(found).all() else None


def _linear(model: str, q: Points, r: Points, w: np.ndarray) -> Transform | None:
    root = np.sqrt(w)[:, None]
    x, y, one, none = q[:, :1], q[:, 1:], np.ones((len(q), 1)), np.zeros((len(q), 1))
    if model == "similarity":
        rows = np.concatenate([np.hstack([x, -y, one, none]) * root, np.hstack([y, x, none, one]) * root])
        a, b, c, d = np.linalg.lstsq(rows, np.concatenate([r[:, 0], r[:, 1]]) * np.tile(root[:, 0], 2), rcond=None)[0]
        return np.array([[a, -b, c], [b, a, d], [0.0, 0.0, 1.0]])
    solved, _, rank, _ = np.linalg.lstsq(np.hstack([q, one]) * root, r * root, rcond=None)
    return np.vstack([solved.T, [0.0, 0.0, 1.0]]) if rank == 3 else None


def _newton(q: Points, r: Points, w: np.ndarray, transform: Transform) -> Transform | None:
    root = np.sqrt(np.concatenate([w, w]))
    for _ in range(6):
        jacobian, moved = jacobian_of(transform, q)
        misfit = np.concatenate([r[:, 0] - moved[:, 0], r[:, 1] - moved[:, 1]])
        step, _, rank, _ = np.linalg.lstsq(jacobian * root[:, None], misfit * root, rcond=1e-9)
        if rank < 8:
            return None
        transform = transform + np.append(step, 0.0).reshape(3, 3)
        if np.abs(step).max() < 1e-10:
            break
    return transform


def jacobian_of(transform: Transform, points: Points) -> tuple[Float[np.ndarray, "rows 8"], Points]:
    """Derivatives of mapped positions (all x, then all y) by the first eight entries, and the mapped positions."""
    depth = points @ transform[2, :2] + transform[2, 2]
    depth = np.where(np.abs(depth) < _LEAST_DEPTH, _LEAST_DEPTH, depth)
    moved = mapped(transform, points)
    own = np.column_stack([points, np.ones(len(points))]) / depth[:, None]
    none = np.zeros_like(own)
    across = np.hstack([own, none, -moved[:, :1] * own[:, :2]])
    down = np.hstack([none, own, -moved[:, 1:] * own[:, :2]])
    return np.concatenate([across, down]), moved


def _conditioner(points: Points, w: np.ndarray) -> Transform | None:
    middle = w @ points / w.sum()
    spread = math.sqrt(float(w @ ((points - middle) ** 2).sum(axis=1) / w.sum()) / 2.0)
    if not spread > 1e-9:
        return None
    return np.array([[1 / spread, 0, -middle[0] / spread], [0, 1 / spread, -middle[1] / spread], [0, 0, 1.0]])


def similarity(scale: float, turn_deg: float, shift: tuple[float, float]) -> Transform:
    """The similarity that scales and turns clockwise about the origin, then moves."""
    factor = scale * np.exp(1j * math.radians(turn_deg))
    return _matrix(complex(factor), complex(*shift))


def is_sane(transform: Transform, outline: Points, allowed: Allowed, most_area: float = 4.0) -> bool:
    """Whether a transform could come from a camera that looks down: no mirror, no horizon, no great change of scale."""
    depth = outline @ transform[2, :2] + transform[2, 2]
    if not (np.isfinite(transform).all() and (depth > 0.2).all() and (depth < 5.0).all()):
        return False
    areas = np.linalg.det(transform) / depth**3
    if not (areas > 0).all() or areas.max() > most_area * areas.min():
        return False
    jacobian = linear_part(transform, outline.mean(axis=0))
    stretch = np.linalg.svd(jacobian, compute_uv=False)
    factor = complex(jacobian[0, 0] + jacobian[1, 1], jacobian[1, 0] - jacobian[0, 1]) / 2
    return bool(stretch[0] < 2.0 * stretch[1]) and bool(allowed.holds(np.array([factor]))[0])


def linear_part(transform: Transform, at_px: Float[np.ndarray, " 2"]) -> Float[np.ndarray, "2 2"]:
    """Derivative of the mapped position at a position."""
    moved = mapped(transform, at_px[None])[0]
    depth = float(transform[2, :2] @ at_px + transform[2, 2])
    found: np.ndarray = (transform[:2, :2] - np.outer(moved, transform[2, :2])) / depth
    return found


def distinct(
    query: Points, reference: Points, score: Float[np.ndarray, " n"], apart_px: float
) -> Int[np.ndarray, " m"]:
    """Indices of pairs without those that repeat a surer pair at the same places."""
    order = np.argsort(-score, kind="stable")
    cells = np.floor(np.hstack([query, reference])[order] / apart_px).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.sort(order[first])


def inliers_of(transform: Transform, query: Points, reference: Points, inlier_px: float) -> Bool[np.ndarray, " n"]:
    """Which pairs a transform explains."""
    return residuals(transform, query, reference) < inlier_px


def _complex(points: Points) -> np.ndarray:
    found: np.ndarray = points[:, 0] + 1j * points[:, 1]
    return found


def _matrix(a: complex, b: complex) -> Transform:
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag], [0.0, 0.0, 1.0]])
