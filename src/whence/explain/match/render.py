"""An explanation as plain JSON values."""

from __future__ import annotations

import math
from typing import Any

from whence.explain.match.types import NOT_MEASURED, MatchExplanation

SCHEMA = 1
"""Version of the format written here."""


def to_dict(explanation: MatchExplanation, *, regions: bool = True) -> dict[str, Any]:
    """Plain values of an explanation, without pixels.

    Args:
        explanation: of a match.
        regions: give the polygons of the claims.
    """
    match, registration = explanation.match, explanation.match.registration
    pose, transform = match.pose, match.registration.transform
    faithful = explanation.faithfulness
    return {
        "schema": SCHEMA,
        "query": {"name": match.query.name, "sha256": match.query.sha256, "kind": match.query.kind.value},
        "reference": {
            "name": match.reference.name,
            "source": match.reference.provenance.source,
            "licence": match.reference.provenance.licence,
            "date": match.reference.provenance.date,
        },
        "accepted": bool(match.accepted),
        "probability": float(match.probability),
        "same_place": float(match.same_place),
        "threshold": match.threshold,
        "prior_log_odds": match.prior_log_odds,
        "reasons": list(match.reasons),
        "matcher": registration.matcher,
        "model": registration.model,
        "transform": None if transform is None else [[float(x) for x in row] for row in transform],
        "pairs": len(registration.correspondences),
        "inliers": int(registration.correspondences.inlier.sum()),
        "pose": None
        if pose is None
        else {
            "lat_deg": pose.lat_deg,
            "lon_deg": pose.lon_deg,
            "heading_deg": pose.heading_deg,
            "gsd_m_per_px": pose.gsd_m_per_px,
            "covariance_m2": [_finite(value) for value in pose.covariance_m2],
            "heading_sigma_deg": _finite(pose.heading_sigma_deg),
            "scale_sigma": _finite(pose.scale_sigma),
        },
        "claims": [
            {
                "id": ident,
                "kind": claim.kind,
                "verdict": claim.verdict,
                "values": {k: v if isinstance(v, str) else _finite(float(v)) for k, v in claim.values.items()},
                "log_odds": _finite(claim.log_odds),
                "check": claim.check,
                "regions": [
                    {"side": r.side, "polygon_px": [list(point) for point in r.polygon_px]}
                    for r in (claim.regions if regions else ())
                ],
            }
            for ident, claim in zip(explanation.ids, explanation.claims, strict=True)
        ],
        "words": {
            code: [{"text": sentence.text, "claims": list(sentence.claims)} for sentence in said]
            for code, said in explanation.words.items()
        },
        "appearance_tests": explanation.tests,
        "concepts": "measured" if explanation.concepts else NOT_MEASURED,
        "faithfulness": NOT_MEASURED
        if faithful is None
        else {
            "whole": faithful.whole,
            "masked": faithful.masked,
            "controls": list(faithful.controls),
            "masked_share": faithful.masked_share,
            "drop": faithful.drop,
            "control_drop": faithful.control_drop,
            "holds": faithful.holds,
        },
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
