"""Conformal regions: level sets of a belief whose level was read off pictures with a known place.

The score of a picture is the share of its belief that comes before the cell of the truth, taken from the densest cell
on; it is 0 where the truth lies in the densest cell. A region that holds every cell with no more than a level before
it holds the truth of a new picture with probability 1 − α if the level is the ⌈(n + 1)(1 − α)⌉-th smallest of n
scores and the new picture is exchangeable with them (Vovk et al. 2005, Algorithmic Learning in a Random World; the
order by density: Izbicki et al. 2022, CD-split and HPD-split). Scores are not randomised, so cells and countries that
hold much make the sets larger than they need be, never smaller. Pictures of one photographer are not exchangeable with
those of another; by groups, every photographer has one vote, shared among the pictures (Lee, Barber, Willett 2023,
Distribution-free inference with hierarchical data).

Sets of countries and divisions are made alike, from the most probable on (Romano et al. 2020, Classification with
valid and adaptive coverage).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError
from whence.earth import grid
from whence.earth.field import CellRegion, Field

WHOLE = 1.0
"""Level at which a region is the whole Earth, and a set holds every country: nothing less is guaranteed."""

_SLACK = 1e-9  # sums of masses in another order differ by rounding


def share_before(belief: Field, lat_deg: float, lon_deg: float) -> float:
    """Share of a belief in the cells that come before the cell of a point, the densest first, ties by index.

    Args:
        belief: normalised.
        lat_deg: latitude of the point.
        lon_deg: longitude.

    Returns:
        0..1; 1 where the point is ruled out.
    """
    cell = int(belief.partition.index_at(lat_deg, lon_deg))
    own = belief.values[cell]
    if np.isneginf(own):
        return WHOLE
    before = belief.values > own
    before[:cell] |= belief.values[:cell] == own
    return min(float(belief.mass[before].sum()), WHOLE)


def region_of(belief: Field, level: float) -> CellRegion:
    """The region of all cells that have no more than a share of the belief before them.

    Args:
        belief: normalised.
        level: the share, 0..1; `WHOLE` gives the whole Earth, cells that are ruled out included.
    """
    if level >= WHOLE - _SLACK:
        partition = belief.partition
        return CellRegion(partition, np.arange(len(partition)), 1.0, float(grid.EARTH_AREA_KM2))
    return belief.credible_region(level + _SLACK)


def rank(masses: Mapping[str, float]) -> list[tuple[str, float]]:
    """Codes with the mass that comes before each, the most probable first, ties by code."""
    before, out = 0.0, []
    for code, mass in sorted(masses.items(), key=lambda pair: (-pair[1], pair[0])):
        out.append((code, min(before, WHOLE)))
        before += mass
    return out


def code_before(masses: Mapping[str, float], code: str) -> float:
    """Probability of all codes that are more probable than one; 1 where that has none."""
    return dict(rank(masses)).get(code, WHOLE)


def codes_of(masses: Mapping[str, float], level: float) -> tuple[str, ...] | None:
    """All codes that have no more than a share of the probability before them; ``None`` for every one there is."""
    if level >= WHOLE - _SLACK:
        return None
    return tuple(code for code, before in rank(masses) if before <= level + _SLACK)


def conformal_level(
    scores: Float[np.ndarray, " n"], coverage: float, groups: Sequence[str | None] | None = None
) -> float:
    """The level whose regions hold the truth of a new picture with a probability of at least ``coverage``.

    Args:
        scores: shares before the truth (`share_before`, `code_before`), one a picture.
        coverage: in (0, 1).
        groups: of each picture; then the new picture is one of a new group. ``None`` for one group a picture.

    Returns:
        The level; `WHOLE` where there are too few groups or pictures to guarantee less: ``coverage`` takes at least
        ``coverage / (1 − coverage)`` of them.

    Raises:
        OptionError: no scores, or a coverage that is none.
    """
    if not scores.size or not 0.0 < coverage < 1.0:
        raise OptionError(f"A conformal level needs scores and a coverage within (0, 1), received {coverage}.")
    weight = np.ones(scores.size)
    votes = scores.size
    if groups is not None:
        names = [f"group {name}" if name else f"picture {i}" for i, name in enumerate(groups)]
        _, own, count = np.unique(names, return_inverse=True, return_counts=True)
        weight, votes = 1.0 / count[own], len(count)
    order = np.argsort(scores, kind="stable")
    reached = np.flatnonzero(np.cumsum(weight[order]) >= coverage * (votes + 1) - 1e-9)
    return float(scores[order[reached[0]]]) if reached.size else WHOLE
