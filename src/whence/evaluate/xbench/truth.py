"""Claim truth: what an explanation states is held against the known geometry and the pictures.

Three tests, each where it applies; a claim is true if it passes all that apply to it:

- ``numbers``: what the claim says in numbers is worked out anew from the answer's transform, its pairs of points and
  the georeference (hulls by shapely, scales by finite differences, headings and sizes by geodesics);
- ``place``: a claim that the same ground is in the same place (or is not) is true if the pair matches and the answer's
  transform is right (or not). A heading or scale of an accepted match is held against the true one;
- ``pixels``: the regions that an agreeing claim cites in the query must, by the true transform, lie on those that it
  cites in the reference.

Claims that are ``unclear`` state only their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from whence.evaluate.xbench.geometry import (
    corner_error_px,
    data_share,
    hull_share,
    local_scales,
    moved,
    overlap_share,
    pose,
    regions_meet,
    turn_between,
)
from whence.evaluate.xbench.types import Answer, Item, StatedClaim

SAME_GROUND = frozenset(
    {"transform", "point matches", "edges", "mirror", "ground cover", "lines", "nothing in place",
     "concepts"}
)  # fmt: skip
"""Kinds whose verdict says that both pictures show the same ground in the same place, or that they do not."""

HEADING_DEG, SCALE_SHARE, PERSPECTIVE_SHARE = 5.0, 0.1, 0.02
"""How far an accepted match's heading and scale may be from the truth, and numbers from those worked out anew."""

OVERLAP_SHARE = 0.03
"""How far a stated overlap may be from the one that is counted pixel by pixel."""

_LEAST_TOLERANCE_SHARE = 0.02

Masks = Callable[[], tuple[Bool[np.ndarray, "qh qw"], Bool[np.ndarray, "rh rw"]]]
"""Which pixels of the query and of the reference hold data, read when they are asked for."""


@dataclass(frozen=True, slots=True)
class ClaimTest:
    """What became of a claim.

    Attributes:
        item: name of the item.
        claim: id of the claim.
        kind: of the claim.
        verdict: of the claim.
        numbers: whether its numbers are right; ``None`` if there is nothing to hold them against.
        place: whether its verdict is right.
        pixels: whether its regions lie on one another.
    """

    item: str
    claim: str
    kind: str
    verdict: str
    numbers: bool | None
    place: bool | None
    pixels: bool | None

    @property
    def tested(self) -> bool:
        """Whether any test applies."""
        return any(result is not None for result in (self.numbers, self.place, self.pixels))

    @property
    def true(self) -> bool:
        """Whether it passes all tests that apply."""
        return all(result is not False for result in (self.numbers, self.place, self.pixels))


def tolerance_px(item: Item) -> float:
    """How far a right transform may be from the truth: that of the truth, or 2 % of the reference's longer side."""
    known = 0.0 if item.truth is None else item.truth.tolerance_px
    return max(known, _LEAST_TOLERANCE_SHARE * max(item.reference.width_px, item.reference.height_px))


def is_right(item: Item, answer: Answer) -> bool | None:
    """Whether the answer's transform lays the query where it truly lies.

    Returns:
        ``None`` for a matched pair whose position is not known; ``False`` where nothing is right: no match or no
        transform.
    """
    if not item.match or answer.matrix is None:
        return False
    truth = item.truth
    if truth is None or (truth.transform is None and truth.at_px is None):
        return None
    size = (item.query.width_px, item.query.height_px)
    if truth.matrix is not None:
        return corner_error_px(answer.matrix, truth.matrix, size) <= tolerance_px(item)
    middle = moved(answer.matrix, np.array([(size[0] / 2.0, size[1] / 2.0)]))[0]
    assert truth.at_px is not None
    return bool(np.hypot(*(middle - np.asarray(truth.at_px))) <= tolerance_px(item))


def check_claims(item: Item, answer: Answer, masks: Masks | None = None) -> tuple[ClaimTest, ...]:
    """Hold every claim of an answer against the truth.

    Args:
        item: that was asked about.
        answer: to it.
        masks: gives the pixels that hold data, of the query and of the reference; without it all do.
    """
    right = is_right(item, answer)
    return tuple(
        ClaimTest(
            item.name,
            claim.name,
            claim.kind,
            claim.verdict,
            _numbers(item, answer, claim, masks),
            _place(item, answer, claim, right),
            _pixels(item, claim),
        )
        for claim in answer.claims
    )


def _place(item: Item, answer: Answer, claim: StatedClaim, right: bool | None) -> bool | None:
    if claim.kind in {"heading", "scale"}:
        return _posed(item, claim) if answer.match and claim.verdict != "contradicts" else None
    if claim.kind not in SAME_GROUND or claim.verdict == "unclear" or right is None:
        return None
    return right if claim.verdict == "agrees" else not right


def _posed(item: Item, claim: StatedClaim) -> bool | None:
    if not item.match:
        return False
    truth = item.truth
    if truth is None:
        return None
    if claim.kind == "heading":
        if truth.heading_deg is None or "heading_deg" not in claim.values:
            return None
        return turn_between(float(claim.values["heading_deg"]), truth.heading_deg) <= HEADING_DEG
    if truth.gsd_m_per_px is None or "gsd_m_per_px" not in claim.values:
        return None
    return abs(math.log(float(claim.values["gsd_m_per_px"]) / truth.gsd_m_per_px)) <= math.log(1.0 + SCALE_SHARE)


def _pixels(item: Item, claim: StatedClaim) -> bool | None:
    both = bool(claim.query_regions and claim.reference_regions)
    if claim.verdict != "agrees" or not both or claim.kind not in SAME_GROUND or not item.match:
        return None
    if item.truth is None or item.truth.matrix is None:
        return None
    return regions_meet(claim.query_regions, claim.reference_regions, item.truth.matrix, tolerance_px(item))


def _numbers(item: Item, answer: Answer, claim: StatedClaim, masks: Masks | None) -> bool | None:
    recount = _RECOUNTS.get(claim.kind)
    if recount is None:
        return None
    try:
        expected = recount(item, answer)
        if claim.kind == "overlap" and expected is not None:
            return _overlaps(answer, claim, expected["share"], masks)
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if expected is None:
        return None
    return all(
        _close(name, float(claim.values[name]), value)
        for name, value in expected.items()
        if isinstance(claim.values.get(name), int | float)
    )


def _overlaps(answer: Answer, claim: StatedClaim, share: float, masks: Masks | None) -> bool | None:
    """Ground without data, black at a picture's edge, may be left out of an overlap, and need not be."""
    stated = claim.values.get("share")
    if not isinstance(stated, int | float) or answer.matrix is None:
        return None
    if _close("share", stated, share) or masks is None:
        return _close("share", stated, share)
    with_data = data_share(answer.matrix, *masks())
    return min(share, with_data) - OVERLAP_SHARE <= stated <= max(share, with_data) + OVERLAP_SHARE


def _close(name: str, stated: float, expected: float) -> bool:
    if name == "heading_deg":
        return turn_between(stated, expected) <= 0.5
    if name in {"inliers", "pairs", "fitting"}:
        return round(stated) == round(expected)
    return abs(stated - expected) <= max(0.02, PERSPECTIVE_SHARE * abs(expected))


def _sizes(item: Item) -> tuple[tuple[int, int], tuple[int, int]]:
    return (item.query.width_px, item.query.height_px), (item.reference.width_px, item.reference.height_px)


def _fitting(answer: Answer) -> np.ndarray:
    rows = np.asarray(answer.pairs, np.float64).reshape(-1, 5)
    return rows[rows[:, 4] > 0.5]


def _of_points(_: Item, answer: Answer) -> Mapping[str, float] | None:
    return {"inliers": len(_fitting(answer)), "pairs": len(answer.pairs)}


def _of_spread(item: Item, answer: Answer) -> Mapping[str, float] | None:
    rows = _fitting(answer)
    if answer.matrix is None or len(rows) < 3:
        return None
    return {"share": hull_share(rows[:, :2], answer.matrix, *_sizes(item))}


def _of_residual(_: Item, answer: Answer) -> Mapping[str, float] | None:
    rows = _fitting(answer)
    if answer.matrix is None or not len(rows):
        return None
    away = np.linalg.norm(moved(answer.matrix, rows[:, :2]) - rows[:, 2:4], axis=1)
    return {"residual_px": float(np.median(away))}


def _of_shape(item: Item, answer: Answer) -> Mapping[str, float] | None:
    if answer.matrix is None:
        return None
    width, height = item.query.width_px, item.query.height_px
    most, least = local_scales(answer.matrix, width / 2.0, height / 2.0)
    places = [(x * width, y * height) for x in (0.0, 1.0) for y in (0.0, 1.0)] + [(width / 2.0, height / 2.0)]
    sizes = [math.sqrt(a * b) for a, b in (local_scales(answer.matrix, x, y) for x, y in places)]
    if least <= 0.0 or min(sizes) <= 0.0:
        return None
    return {"stretch": most / least, "perspective": max(sizes) / min(sizes)}


def _of_overlap(item: Item, answer: Answer) -> Mapping[str, float] | None:
    return None if answer.matrix is None else {"share": overlap_share(answer.matrix, *_sizes(item))}


def _of_pose(item: Item, answer: Answer) -> Mapping[str, float] | None:
    if answer.matrix is None or item.georeference is None:
        return None
    heading, gsd = pose(answer.matrix, item.georeference, (item.query.width_px, item.query.height_px))
    return {"heading_deg": heading, "gsd_m_per_px": gsd} if math.isfinite(heading + gsd) else None


_RECOUNTS: Mapping[str, Callable[[Item, Answer], Mapping[str, float] | None]] = {
    "point matches": _of_points,
    "spread of matches": _of_spread,
    "residual": _of_residual,
    "shape": _of_shape,
    "overlap": _of_overlap,
    "heading": _of_pose,
    "scale": _of_pose,
}
