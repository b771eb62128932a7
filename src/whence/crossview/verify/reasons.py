"""Why a match was accepted or not, in English sentences, from its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whence.crossview.types import MatchClaim

AT_MOST = 4
"""Sentences after the first."""


def _number(values: Mapping[str, float | str], name: str) -> float:
    return float(values.get(name, 0.0))


def sentence(claim: MatchClaim) -> str:
    """What a claim says."""
    v, agrees = claim.values, claim.log_odds >= 0.0

    def of(name: str) -> float:
        return _number(v, name)

    if claim.kind == "transform":
        return f"No transform explains the {of('pairs'):.0f} pairs of points."
    if claim.kind == "point matches":
        pairs = f"{of('inliers'):.0f} of {of('pairs'):.0f} pairs fit one transform"
        if of("inliers") <= 1.5 * of("chance") + 2:
            return f"Only {pairs}, about as many as chance gives ({of('chance'):.0f})."
        return f"{pairs}; chance gives {of('chance'):.0f}."
    if claim.kind == "first search":
        return f"In the first search, pairs near this place exceed chance by {of('screening'):.1f} standard deviations."
    if claim.kind == "next best place":
        return (
            f"{of('first_inliers'):.0f} pairs of the first search fit this place, a lead of {of('lead'):.1f} standard "
            "deviations over the next best place."
        )
    if claim.kind == "spread of matches":
        return f"The matched points {'span' if agrees else 'span only'} {of('share'):.0%} of the shared ground."
    if claim.kind == "residual":
        return f"The matched points miss each other by {of('residual_px'):.1f} reference pixels in the median."
    if claim.kind == "shape":
        if agrees:
            return "The transform keeps the query's shape, as a view from above does."
        return (
            f"The transform stretches the query by {of('stretch'):.1f} and tilts it by {of('perspective'):.1f}, "
            "more than a view from above does."
        )
    if claim.kind == "mirror":
        return "The transform mirrors or folds the query, which no view of the ground does."
    if claim.kind == "scale":
        if "ratio" in v:
            return f"A pixel of the query spans {of('gsd_m_per_px'):.2g} m, {of('ratio'):.2f} times what was expected."
        return f"A pixel of the query would span {of('gsd_m_per_px'):.2g} m."
    if claim.kind == "overlap":
        return f"{of('share'):.0%} of the query falls on the reference."
    if claim.kind == "edges":
        how = "agree" if agrees else "agree no better than chance"
        return (
            f"Edges {how}: their correlation in place lies {of('significance'):.1f} standard deviations above that "
            "of shifted pictures."
        )
    if claim.kind == "heading":
        return f"The heading of {of('heading_deg'):.0f}° differs by {of('difference_deg'):+.0f}° from the telemetry."
    if claim.kind == "position":
        return f"The place lies {of('distance_m'):.0f} m from where it was believed to be (± {of('sigma_m'):.0f} m)."
    if claim.kind == "look-alikes":
        return (
            f"Likeness alone can say no more: one in {of('one_in'):,.0f} other places is taken to look just like the "
            "query."
        )
    return f"{claim.kind}: {claim.verdict}."


def reasons_for(accepted: bool, probability: float, threshold: float, claims: Sequence[MatchClaim]) -> tuple[str, ...]:
    """Why, the heaviest reasons for the decision first, then the heaviest against it, then what limits all of them.

    Args:
        accepted: the decision.
        probability: of the match.
        threshold: it was held against.
        claims: with their log-odds.
    """
    side = 1.0 if accepted else -1.0
    limits = [claim for claim in claims if claim.kind == "look-alikes" and claim.log_odds <= -0.1]
    weighty = sorted(
        (claim for claim in claims if abs(claim.log_odds) >= 0.1 and claim.kind != "look-alikes"),
        key=lambda claim: -side * claim.log_odds,
    )
    for_it = [claim for claim in weighty if side * claim.log_odds > 0.0]
    against = [claim for claim in reversed(weighty) if side * claim.log_odds < 0.0]
    share = (
        f"{probability:.3f}"
        if 0.0005 <= probability < 0.9995
        else ("under 0.001" if probability < 0.5 else "over 0.999")
    )
    head = (
        f"Match: its probability is {share}, the threshold {threshold:.3g}."
        if accepted
        else f"No match: its probability is {share}, below the threshold of {threshold:.3g}."
        if probability < threshold
        else f"No match: nothing says where it lies, whatever its probability of {share}."
    )
    told = [sentence(claim) for claim in for_it[: AT_MOST - bool(against) - bool(limits)]]
    contrary = [f"Against that: {_lower(sentence(claim))}" for claim in against[:1]]
    return (head, *told, *contrary, *(sentence(claim) for claim in limits))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
