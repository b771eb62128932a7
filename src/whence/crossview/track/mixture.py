"""`Mixture`: the belief as weighted Gaussians and an even rest, and how it is kept small."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.arrays import FloatArray

HEADING_UNKNOWN_VAR = 180.0**2 / 3.0
"""Variance of an even distribution over all headings, square degrees."""
SCALE_UNKNOWN_VAR = 4.0
"""Variance of the logarithm of a scale of which nothing is known."""
FLIP_UNKNOWN = -1
"""The telemetry's heading has not been compared with this part of the belief."""
_HEADINGS_APART_DEG = 60.0
_SMALLEST = 1e-7
_OF_PARTS = (
    "weight",
    "mean",
    "cov",
    "heading",
    "heading_var",
    "scale",
    "scale_var",
    "agile",
    "flip",
    "parent",
    "source",
)


def wrap_deg(angle: FloatArray) -> FloatArray:
    """Bring differences of angles into [−180, 180)."""
    return np.mod(np.asarray(angle) + 180.0, 360.0) - 180.0


@final
@dataclass(frozen=True, eq=False)
class Mixture:
    """Parts of a belief about (east, north, velocity east, velocity north), heading and log scale.

    Given a part, position with velocity, heading and scale are independent Gaussians, the heading's wrapped.

    Attributes:
        weight: of each part; together with ``lost`` they sum to 1.
        mean: metres and metres a second.
        cov: covariance of the four.
        heading: degrees.
        heading_var: square degrees.
        scale: log of metres a pixel.
        scale_var: its variance.
        agile: 1 while the camera turns and brakes, 0 while it keeps its course.
        flip: whether the telemetry's heading is off by half a turn: 1, 0, or `FLIP_UNKNOWN`.
        parent: index of the part of the frame before that this one goes on from; −1 for one that began here.
        source: index of the candidate that it took up in this frame; −1 for none.
        lost: weight of the even rest.
        unplaced: share of ``lost`` that has been there from the start, the camera never having been anywhere else.
        rest_heading: heading of the telemetry so far, which the even rest foresees as well as any part; not a number
            before the first.
        rest_heading_var: its variance.
        rest_flip: probability that it is off by half a turn.
    """

    weight: Float[np.ndarray, " n"]
    mean: Float[np.ndarray, "n 4"]
    cov: Float[np.ndarray, "n 4 4"]
    heading: Float[np.ndarray, " n"]
    heading_var: Float[np.ndarray, " n"]
    scale: Float[np.ndarray, " n"]
    scale_var: Float[np.ndarray, " n"]
    agile: Int[np.ndarray, " n"]
    flip: Int[np.ndarray, " n"]
    parent: Int[np.ndarray, " n"]
    source: Int[np.ndarray, " n"]
    lost: float
    unplaced: float = 1.0
    rest_heading: float = float("nan")
    rest_heading_var: float = HEADING_UNKNOWN_VAR
    rest_flip: float = 0.0

    def __len__(self) -> int:
        return len(self.weight)

    @staticmethod
    def of_lost() -> Mixture:
        """A belief that knows nothing but the area."""
        empty, none = np.zeros(0), np.zeros(0, np.int64)
        shape4 = (np.zeros((0, 4)), np.zeros((0, 4, 4)))
        return Mixture(empty, *shape4, empty, empty, empty, empty, none, none, none, none, lost=1.0)

    @staticmethod
    def around(mean: FloatArray, cov: FloatArray, lost: float) -> Mixture:
        """One part with unknown heading and scale, and an even rest."""
        one, none = np.ones(1), np.full(1, -1, np.int64)
        return Mixture(
            one * (1.0 - lost),
            np.asarray(mean, np.float64)[None],
            np.asarray(cov, np.float64)[None],
            one * 0.0,
            one * HEADING_UNKNOWN_VAR,
            one * 0.0,
            one * SCALE_UNKNOWN_VAR,
            np.zeros(1, np.int64),
            none,
            none,
            none,
            lost=lost,
        )

    def take(self, index: Int[np.ndarray, " m"] | Bool[np.ndarray, " n"]) -> Mixture:
        """Some of the parts, in a given order, possibly repeated; the weights stay as they are."""
        return replace(self, **{name: getattr(self, name)[index] for name in _OF_PARTS})

    def joined(self, *others: Mixture) -> Mixture:
        """The parts of several; the even rest of this one."""
        every = (self, *others)
        joined: dict[str, Any] = {name: np.concatenate([getattr(item, name) for item in every]) for name in _OF_PARTS}
        return replace(self, **joined)

    def normalised(self) -> tuple[Mixture, float]:
        """The same with weights that sum to 1, and the log of what they summed to."""
        total = float(self.weight.sum() + self.lost)
        return replace(self, weight=self.weight / total, lost=self.lost / total), float(np.log(total))


def mahalanobis2(gap: Float[np.ndarray, "*n 2"], cov: Float[np.ndarray, "*n 2 2"]) -> Float[np.ndarray, "*n"]:
    """Squared Mahalanobis length of vectors in the plane."""
    a, b, d = cov[..., 0, 0], (cov[..., 0, 1] + cov[..., 1, 0]) / 2.0, cov[..., 1, 1]
    x, y = gap[..., 0], gap[..., 1]
    return (d * x * x - 2.0 * b * x * y + a * y * y) / (a * d - b * b)


def moments(parts: Mixture, share: Float[np.ndarray, " n"]) -> Mixture:
    """One Gaussian with the mean and covariance of several (heading around that of the heaviest).

    Args:
        parts: at least one.
        share: their weights; the weight of the result is the sum.
    """
    total = float(share.sum())
    w = share / total
    best = int(np.argmax(share))
    mean = w @ parts.mean
    gap = parts.mean - mean
    cov = np.einsum("i,ijk->jk", w, parts.cov) + np.einsum("i,ij,ik->jk", w, gap, gap)
    turn = wrap_deg(parts.heading - parts.heading[best])
    turned = float(w @ turn)
    heading_var = float(w @ (parts.heading_var + (turn - turned) ** 2))
    scale = float(w @ parts.scale)
    scale_var = float(w @ (parts.scale_var + (parts.scale - scale) ** 2))
    one = parts.take(np.array([best]))
    return replace(
        one,
        weight=np.array([total]),
        mean=mean[None],
        cov=((cov + cov.T) / 2.0)[None],
        heading=np.mod(np.array([parts.heading[best] + turned]), 360.0),
        heading_var=np.array([min(heading_var, HEADING_UNKNOWN_VAR)]),
        scale=np.array([scale]),
        scale_var=np.array([scale_var]),
    )


def mode_of(parts: Mixture, gate: float) -> Bool[np.ndarray, " n"]:
    """Which parts lie with the heaviest one."""
    best = int(np.argmax(parts.weight))
    gap = parts.mean[:, :2] - parts.mean[best, :2]
    return mahalanobis2(gap, parts.cov[:, :2, :2] + parts.cov[best, :2, :2]) <= gate


def reduced(parts: Mixture, gate: float, most: int) -> Mixture:
    """Fewer parts: negligible ones dropped, those that say the same made one (after Salmond 1990), the rest cut off.

    Args:
        parts: with weights that sum to 1 with the even rest.
        gate: squared Mahalanobis distance within which a lighter part is taken up by a heavier one.
        most: how many are kept.

    Returns:
        The mixture, its weights summing to 1.
    """
    kept = np.flatnonzero(parts.weight > _SMALLEST)
    order = kept[np.argsort(-parts.weight[kept], kind="stable")]
    parts = parts.take(order)
    free = np.ones(len(parts), bool)
    made: list[Mixture] = []
    while free.any() and len(made) < most:
        first = int(np.argmax(free))
        gap = parts.mean - parts.mean[first]
        inverse = np.linalg.inv(parts.cov[first])
        near = free & (np.einsum("ij,jk,ik->i", gap, inverse, gap) <= 0.1 * gate)
        near &= (parts.flip == parts.flip[first]) & (parts.agile == parts.agile[first])
        near &= np.abs(wrap_deg(parts.heading - parts.heading[first])) < np.minimum(
            np.sqrt(parts.heading_var[first]), _HEADINGS_APART_DEG
        )
        near &= (parts.scale - parts.scale[first]) ** 2 <= parts.scale_var[first]
        near[first] = True
        group = np.flatnonzero(near)
        made.append(moments(parts.take(group), parts.weight[group]) if group.size > 1 else parts.take(group))
        free &= ~near
    return parts.take(np.zeros(0, np.int64)).joined(*made).normalised()[0]
