"""A match as plain values and as text; ``match.schema.json`` beside this file says what the values are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from whence.core.version import __version__
from whence.crossview.types import Match, MatchClaim, Pose
from whence.samples.view import View

SCHEMA = "whence.match/1"
"""Layout that `to_dict` writes."""


def to_dict(view: View, matches: Sequence[Match]) -> dict[str, object]:
    """What came of looking for one view.

    Args:
        view: that was looked for.
        matches: what it was compared with, the most probable first.
    """
    best = matches[0] if matches else None
    return {
        "schema": SCHEMA,
        "whence": __version__,
        "query": {
            "name": view.name,
            "sha256": view.sha256,
            "kind": view.kind.value,
            "size_px": list(view.size_px),
            "warnings": list(view.warnings),
        },
        "accepted": best is not None and best.accepted,
        "probability": best.probability if best else 0.0,
        "matches": [_match(match) for match in matches],
    }


def _match(match: Match) -> dict[str, object]:
    registration, reference = match.registration, match.reference
    lat, lon = reference.georeference.centre
    pairs = registration.correspondences
    return {
        "accepted": match.accepted,
        "probability": match.probability,
        "same_place": match.same_place,
        "threshold": match.threshold,
        "pose": None if match.pose is None else _pose(match.pose),
        "reference": {
            "name": reference.name,
            "source": reference.provenance.source,
            "licence": reference.provenance.licence,
            "date": reference.provenance.date,
            "lat_deg": lat,
            "lon_deg": lon,
            "gsd_m_per_px": reference.georeference.gsd_m_per_px,
            "size_px": [reference.georeference.width_px, reference.georeference.height_px],
        },
        "transform": None if registration.transform is None else registration.transform.tolist(),
        "query_px": [match.query.pixels.shape[1], match.query.pixels.shape[0]],
        "model": registration.model,
        "matcher": registration.matcher,
        "pairs": len(pairs),
        "inliers": int(pairs.inlier.sum()),
        "prior_log_odds": match.prior_log_odds,
        "claims": [_claim(claim) for claim in match.claims],
        "reasons": list(match.reasons),
        "statistics": {name: _finite(value) for name, value in registration.statistics.items()},
        "timings_ms": dict(match.timings_ms),
    }


def _pose(pose: Pose) -> dict[str, object]:
    return {
        "lat_deg": pose.lat_deg,
        "lon_deg": pose.lon_deg,
        "heading_deg": pose.heading_deg,
        "gsd_m_per_px": pose.gsd_m_per_px,
        "sigma_m": _finite(pose.sigma_m),
        "covariance_m2": [_finite(value) for value in pose.covariance_m2],
        "heading_sigma_deg": _finite(pose.heading_sigma_deg),
        "scale_sigma": _finite(pose.scale_sigma),
    }


def _claim(claim: MatchClaim) -> dict[str, object]:
    return {
        "kind": claim.kind,
        "verdict": claim.verdict,
        "values": {name: value if isinstance(value, str) else _finite(value) for name, value in claim.values.items()},
        "log_odds": claim.log_odds,
        "regions": [{"side": item.side, "polygon_px": [list(p) for p in item.polygon_px]} for item in claim.regions],
        "check": claim.check,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def to_text(view: View, matches: Sequence[Match]) -> str:
    """What came of looking for one view, to be read."""
    lines = [view.name]
    if not matches:
        return "\n".join([*lines, "  no match: there are no reference pictures where it was looked for"])
    best = matches[0]
    if best.accepted and best.pose is not None:
        pose = best.pose
        lines.append(
            f"  {pose.lat_deg:.6f}, {pose.lon_deg:.6f}  ± {pose.sigma_m:.1f} m   probability {best.probability:.1%}"
        )
        lines.append(
            f"  heading {pose.heading_deg:.1f}° ± {pose.heading_sigma_deg:.1f}°   "
            f"{pose.gsd_m_per_px:.3g} m a pixel   on {best.reference.name}"
        )
    else:
        compared = f"{len(matches)} place{'s' * (len(matches) != 1)} compared"
        lines.append(f"  no match ({compared}; the best has probability {best.probability:.1%})")
    lines += [f"  {reason}" for reason in best.reasons]
    for claim in sorted(best.claims, key=lambda item: -abs(item.log_odds)):
        if claim.log_odds:
            lines.append(f"  {claim.log_odds / math.log(2):+6.1f} bits  {claim.kind}: {claim.verdict}. {claim.check}")
    if best.reference.provenance.licence:
        lines.append(f"  reference: {best.reference.provenance.source} ({best.reference.provenance.licence})")
    return "\n".join(lines)
