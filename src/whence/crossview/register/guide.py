"""Guided rounds: the query warped by a found transform is paired again, near where things are expected.

Warped, it has the reference's scale and direction, so that features which do not turn or scale match, and a small
radius leaves little room for chance. What chance gives all the same is measured: the same is done with the warped query
displaced to places where it does not belong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.crossview.register.geometry import (
    Allowed,
    Points,
    fitted,
    is_sane,
    mapped,
    residuals,
    robust_similarities,
    support,
)
from whence.crossview.register.picture import Picture, Transform
from whence.crossview.register.points import match_near
from whence.crossview.register.reference import Reference
from whence.encode.local.types import LocalEncoder, LocalFeatures

_MARGIN_PX = 48
_DECOYS = 6
_MOST_POINTS = 2000
_LEAST_ALIKE = 0.6
_LEAST_PAIRS = 6


@dataclass(frozen=True, eq=False)
class Guided:
    """A transform after the guided rounds.

    Attributes:
        transform: from the query to the reference, in their pixels.
        query_px: positions of all pairs in the query.
        reference_px: in the reference.
        score: of each pair.
        inliers: pairs that the transform explains.
        decoy_mean: how many were explained where the query was displaced, mean over displacements.
        decoy_most: the most of these.
        decoy_spread: their standard deviation.
        warped: the query in the frame of ``window``, before the last step.
        window: left, upper, width and height of the part of the reference that it lies on.
    """

    transform: Transform
    query_px: Points
    reference_px: Points
    score: Float[np.ndarray, " n"]
    inliers: int
    decoy_mean: float
    decoy_most: float
    decoy_spread: float
    warped: Picture
    window: tuple[int, int, int, int]

    @property
    def excess(self) -> float:
        """By how many standard deviations the pairs exceed those of displaced queries, roughly."""
        return (self.inliers - self.decoy_mean) / math.sqrt(self.decoy_spread**2 + 0.5 * self.decoy_mean + 1.0)


def screened(
    transform: Transform,
    outline_px: Float[np.ndarray, "k 2"],
    features: Sequence[tuple[LocalFeatures, LocalFeatures]],
    *,
    allowed: Allowed,
    radius_px: float,
    inlier_px: float,
    generator: np.random.Generator,
) -> tuple[float, Transform]:
    """Refine a transform with features that are there already, and say by how much its pairs exceed chance.

    Args:
        transform: from the query to the reference.
        outline_px: corners of the query.
        features: of each encoder those of the query, at their positions in it, and those of the reference.
        allowed: scales and turns.
        radius_px: pairs are sought so far from where the transform expects them.
        inlier_px: pairs further off are not explained.
        generator: draws for the robust fit.

    Returns:
        Explained pairs over those that fall on the spot by chance, in standard deviations, and the refined transform;
        the transform itself where nothing better is found.
    """
    near, far, score = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0)]
    for a, b in features:
        expected = mapped(transform, a.xy_px)
        pairs = match_near(a, b, at_px=expected, radius_px=radius_px, least=_LEAST_ALIKE)
        near.append(expected[pairs.first])
        far.append(b.xy_px[pairs.second])
        score.append(pairs.score)
    here, there, sure = np.concatenate(near), np.concatenate(far), np.concatenate(score)
    step = _step(here, there, sure, radius_px, inlier_px, generator)
    if step is None:
        return 0.0, transform
    found = float((residuals(step, here, there) < inlier_px).sum())
    chance = len(here) * (inlier_px / radius_px) ** 2
    moved = step @ transform
    moved = moved / moved[2, 2]
    better = is_sane(moved, outline_px, allowed)
    return (found - chance) / math.sqrt(chance + 1.0), moved if better else transform


def guided(
    transform: Transform,
    query: Picture,
    reference: Reference,
    encoders: Sequence[LocalEncoder],
    *,
    allowed: Allowed,
    radius_px: float,
    inlier_px: float,
    generator: np.random.Generator,
) -> Guided | None:
    """Refine a transform by warping the query, finding its features anew and pairing them again.

    Args:
        transform: from the query to the reference.
        query: the query.
        reference: the reference with its features.
        encoders: of the features.
        allowed: scales and turns.
        radius_px: pairs are sought so far from where the transform expects them.
        inlier_px: pairs further off are not explained.
        generator: draws for the robust fit, and the displacements.

    Returns:
        ``None`` where the query leaves the reference or too few pairs are found.
    """
    laid = _laid(transform, query, reference)
    if laid is None:
        return None
    warped, window = laid
    features = [
        (_surest(encoder.extract(warped.pixels, warped.valid)), _part(reference, encoder, window))
        for encoder in encoders
    ]
    near, far, score = _pairs(features, np.zeros(2), radius_px)
    step = _step(near, far, score, radius_px, inlier_px, generator)
    if step is None:
        return None
    query_px = mapped(np.linalg.inv(_into(transform, window)), near)
    moved = _window_shift(window, 1.0) @ step @ _into(transform, window)
    moved = moved / moved[2, 2]
    if not is_sane(moved, query.outline_px, allowed):
        return None
    found = int((residuals(step, near, far) < inlier_px).sum())
    counts = _decoys(features, radius_px, inlier_px, generator)
    return Guided(moved, query_px, far + window[:2], score, found, *_summary(counts), warped, window)


def _surest(features: LocalFeatures) -> LocalFeatures:
    return features.chosen(np.argsort(-features.score, kind="stable")[:_MOST_POINTS])


def _laid(
    transform: Transform, query: Picture, reference: Reference
) -> tuple[Picture, tuple[int, int, int, int]] | None:
    """The query in the frame of the window of the reference that it covers."""
    corners = mapped(transform, query.outline_px)
    if not np.isfinite(corners).all():
        return None
    low, high = corners.min(axis=0), corners.max(axis=0)
    window = reference.around((low + high) / 2, (high - low) / 2 + _MARGIN_PX)
    if min(window[2:]) < 2 * _MARGIN_PX:
        return None
    warped = query.warped(_into(transform, window), window[2], window[3])
    return (warped, window) if warped.valid.sum() > 0.1 * query.valid.sum() * _area(transform, query) else None


def _area(transform: Transform, query: Picture) -> float:
    middle = query.outline_px.mean(axis=0)
    depth = float(transform[2] @ np.append(middle, 1.0))
    return float(abs(np.linalg.det(transform)) / max(abs(depth) ** 3, 1e-9))


def _part(reference: Reference, encoder: LocalEncoder, window: tuple[int, int, int, int]) -> LocalFeatures:
    """The reference's features in a window, in its pixels."""
    features = reference.features[encoder.NAME]
    xy = features.xy_px - window[:2]
    inside = ((xy >= 0) & (xy < window[2:])).all(axis=1)
    kept = features.chosen(inside)
    return LocalFeatures(xy[inside], kept.descriptors, kept.score, window[2:])


def _pairs(
    features: Sequence[tuple[LocalFeatures, LocalFeatures]], shift: np.ndarray, radius: float
) -> tuple[Points, Points, np.ndarray]:
    near, far, score = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0)]
    for a, b in features:
        pairs = match_near(a, b, at_px=a.xy_px + shift, radius_px=radius, least=_LEAST_ALIKE)
        near.append(a.xy_px[pairs.first])
        far.append(b.xy_px[pairs.second])
        score.append(pairs.score)
    return np.concatenate(near), np.concatenate(far), np.concatenate(score)


def _step(
    near: Points, far: Points, score: np.ndarray, radius: float, inlier_px: float, generator: np.random.Generator
) -> Transform | None:
    """What is left to do after warping: a small similarity found robustly, then an affine map if that explains more."""
    if len(near) < _LEAST_PAIRS:
        return None
    small = Allowed((0.85, 1.18), 0.0, 10.0)
    wide = max(inlier_px, radius / 4.0)
    found = robust_similarities(near, far, score, small, wide, generator, samples=400, keep=1)
    if not found:
        return None
    best, transform = found[0]
    for _ in range(3):
        inside = residuals(transform, near, far) < wide
        candidate = fitted("affine", near[inside], far[inside])
        if candidate is None or support(candidate, near, far, wide) <= best:
            break
        best, transform = support(candidate, near, far, wide), candidate
    return transform


def _decoys(
    features: Sequence[tuple[LocalFeatures, LocalFeatures]],
    radius: float,
    inlier_px: float,
    generator: np.random.Generator,
) -> Float[np.ndarray, " k"]:
    """Explained pairs at displacements of three radii and more."""
    counts = np.zeros(_DECOYS)
    for i in range(_DECOYS):
        angle = 2 * math.pi * (i + generator.random()) / _DECOYS
        away = generator.uniform(3.0, 6.0) * radius
        shift = away * np.array([math.cos(angle), math.sin(angle)])
        near, far, score = _pairs(features, shift, radius)
        step = _step(near + shift, far, score, radius, inlier_px, generator)
        if step is not None:
            counts[i] = (residuals(step, near + shift, far) < inlier_px).sum()
    return counts


def _summary(counts: Float[np.ndarray, " k"]) -> tuple[float, float, float]:
    return float(counts.mean()), float(counts.max()), float(counts.std())


def _into(transform: Transform, window: tuple[int, int, int, int]) -> Transform:
    found: np.ndarray = _window_shift(window, -1.0) @ transform
    return found


def _window_shift(window: tuple[int, int, int, int], sign: float) -> Transform:
    return np.array([[1.0, 0.0, sign * window[0]], [0.0, 1.0, sign * window[1]], [0.0, 0.0, 1.0]])
