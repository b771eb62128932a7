"""Claims of appearance: land cover and lines of both pictures, in place, tested against shifted controls.

A class or a direction of lines *agrees* when no other way of laying the pictures fits better: the best of all shifts
is where geometry lies. A single class never contradicts, as a rule on colour can fail in one season or band; that
nothing at all lies in place is one claim of its own, made when every test fails together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from whence.crossview.types import Match, MatchClaim
from whence.explain.match import lines as straight
from whence.explain.match.cover import COVERS, Cover, cover_mask, is_coloured, smoothed
from whence.explain.match.frame import CommonFrame, common_frame, project
from whence.explain.match.outlines import both_sides, part_outlines, strip, whole
from whence.explain.match.placement import Placement, placement

COVER, LINES, NOWHERE = "ground cover", "lines", "nothing in place"
"""Kinds of the claims made here."""

NEAREST_SHIFT = 0.04
"""The best shift must be shorter than this share of the longer side."""

_PHI, _Z = 0.2, 3.0
_PHI_CLEAR, _Z_CLEAR = 0.5, 2.0
_LEAST_COVER, _MOST_COVER = 0.03, 0.97
_LEAST_LINES_PX, _MOST_LINES = 20, 4
_NOWHERE_Z, _NOWHERE_SUM, _NOWHERE_TESTS = 1.25, 1.0, 3


@dataclass(frozen=True, slots=True)
class Appearance:
    """What was found, and how many tests it rests on.

    Attributes:
        claims: those that agree first, the clearest before others.
        tests: how many classes and directions were compared; 0 where the pictures could not be laid together.
    """

    claims: tuple[MatchClaim, ...]
    tests: int


def agrees(found: Placement) -> bool:
    """Tell whether a placement is better than chance, and better than all shifts."""
    clear = found.z >= _Z and found.phi >= _PHI
    clear |= found.z >= _Z_CLEAR and found.phi >= _PHI_CLEAR
    return clear and found.best_shift <= NEAREST_SHIFT


def appearance(match: Match) -> Appearance:
    """Compare land cover and lines of a match.

    Args:
        match: laid by its transform, whether accepted or not.
    """
    frame = common_frame(match)
    if frame is None:
        return Appearance((), 0)
    tested = [*_covers(frame), *_lines(match)]
    claims = sorted(tested, key=lambda item: (item[0].verdict != "agrees", -item[1].z))
    nowhere = _nowhere([found for _, found in tested], frame)
    return Appearance((*nowhere, *(claim for claim, _ in claims)), len(tested))


def _covers(frame: CommonFrame) -> list[tuple[MatchClaim, Placement]]:
    query, reference = smoothed(frame.query), smoothed(frame.reference)
    coloured = is_coloured(frame.query, frame.valid) and is_coloured(frame.reference, frame.valid)
    out = []
    for cover in COVERS:
        if cover.coloured and not coloured:
            continue
        a, b = (cover_mask(cover, rgb, frame.valid)[0] for rgb in (query, reference))
        shares = [float(mask[frame.valid].mean()) for mask in (a, b)]
        if all(_LEAST_COVER <= share <= _MOST_COVER for share in shares):
            found = placement(a, b, frame.valid)
            out.append((_cover_claim(cover, frame, (a, b), found), found))
    return out


def _cover_claim(
    cover: Cover,
    frame: CommonFrame,
    masks: tuple[Bool[np.ndarray, "height width"], Bool[np.ndarray, "height width"]],
    found: Placement,
) -> MatchClaim:
    fits = agrees(found)
    values: dict[str, float | str] = {
        "cover": cover.name,
        "query_share": _rounded(masks[0][frame.valid].mean()),
        "reference_share": _rounded(masks[1][frame.valid].mean()),
        "overlap_share": _rounded(found.iou),
        "chance_share": _rounded(found.chance_iou),
    }
    check = (
        f"Thresholds (Otsu) on {cover.rule}, one for each picture; laid together by the transform, then shifted in "
        f"{found.controls:,} ways. {_shift_words(found)}"
    )
    regions = both_sides(frame, part_outlines(masks[0] & masks[1])) if fits else ()
    return MatchClaim(COVER, "agrees" if fits else "unclear", values, 0.0, regions, check)


def _shift_words(found: Placement) -> str:
    return (
        f"The best fit is {100 * found.best_shift:.0f} % of the longer side from where geometry lays it; in place the "
        f"correlation is {found.phi:.2f}, {abs(found.z):.1f} standard deviations {'above' if found.z >= 0 else 'below'}"
        " the mean of the shifts."
    )


def _lines(match: Match) -> list[tuple[MatchClaim, Placement]]:
    frame = common_frame(match, straight.LINES_LONGEST_PX)
    if frame is None:
        return []
    up = match.reference.georeference.up_bearing_deg
    sides = [straight.segments(pixels) for pixels in (frame.query, frame.reference)]
    bearings = [straight.bearings_deg(side, frame, up) for side in sides]
    out = []
    for index, direction in enumerate(straight.BEARINGS):
        chosen = [straight.of_bearing(a, b, index) for a, b in zip(sides, bearings, strict=True)]
        masks = [straight.drawn(side, frame.valid.shape) * frame.valid for side in chosen]
        if min(mask.sum() for mask in masks) >= _LEAST_LINES_PX:
            found = placement(masks[0], masks[1], frame.valid)
            out.append((_line_claim(match, direction, frame, (chosen[0], chosen[1]), found), found))
    return out


def _line_claim(
    match: Match,
    direction: str,
    frame: CommonFrame,
    sides: tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, "m 4"]],
    found: Placement,
) -> MatchClaim:
    common = straight.common_stretches(*sides, frame.valid.shape)
    fits = agrees(found) and bool(common)
    longest = common[0] if common else sides[0][int(np.argmax(_lengths(sides[0])))]
    ends = project(frame.to_reference, longest.reshape(2, 2))
    lat, lon = match.reference.georeference.to_lat_lon(ends[:, 0], ends[:, 1])
    values: dict[str, float | str] = {
        "direction": direction,
        "query_lines": len(sides[0]),
        "reference_lines": len(sides[1]),
        "matched_lines": len(common),
        "length_m": _rounded(_metres(lat, lon)),
        "overlap_share": _rounded(found.iou),
        "chance_share": _rounded(found.chance_iou),
    }
    wide = 0.012 * max(frame.valid.shape)
    regions = both_sides(frame, [strip(stretch, wide) for stretch in common[:_MOST_LINES]]) if fits else ()
    check = (
        "Line segments (LSD) of 7 % of the longer side or more, sorted by their bearing on the ground and drawn on one "
        f"grid, then shifted in {found.controls:,} ways. {_shift_words(found)}"
    )
    return MatchClaim(LINES, "agrees" if fits else "unclear", values, 0.0, regions, check)


def _rounded(value: float | np.floating) -> float:
    """Digits beyond the fourth decimal say nothing of a mask."""
    return round(float(value), 4)


def _lengths(lines: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    return np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])


def _metres(lat_deg: np.ndarray, lon_deg: np.ndarray) -> float:
    from whence.earth.coordinates import distance_km

    if not (np.isfinite(lat_deg).all() and np.isfinite(lon_deg).all()):
        return 0.0
    return float(distance_km(lat_deg[0], lon_deg[0], lat_deg[1], lon_deg[1])) * 1e3


def _nowhere(found: list[Placement], frame: CommonFrame) -> tuple[MatchClaim, ...]:
    """The claim that nothing lies in place, where all tests together say so."""
    if len(found) < _NOWHERE_TESTS:
        return ()
    best = max(found, key=lambda item: item.z)
    total = sum(item.z for item in found) / math.sqrt(len(found))
    if best.z >= _NOWHERE_Z or total >= _NOWHERE_SUM:
        return ()
    values: dict[str, float | str] = {
        "tests": len(found),
        "best_overlap_share": _rounded(best.iou),
        "chance_share": _rounded(best.chance_iou),
        "best_z": _rounded(best.z),
    }
    check = (
        f"All {len(found)} classes of land cover and directions of lines that both pictures hold were laid together by "
        f"the transform and shifted; in place, none is {_NOWHERE_Z:g} standard deviations above its shifts."
    )
    return (MatchClaim(NOWHERE, "contradicts", values, 0.0, whole(frame), check),)
