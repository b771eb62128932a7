"""A track as JSON values that ``track.schema.json`` defines, as GPX, and as features for GeoJSON and KML."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.core.version import __version__
from whence.crossview.spread import radius_holding
from whence.crossview.track.follow import TrackedFrame
from whence.crossview.track.types import TrackEstimate, TrackStatus
from whence.earth.coordinates import destination
from whence.earth.formats import Feature

SCHEMA = "whence.track/1"
FAILURE_SCHEMA = "whence.failure/1"
_GPX = "http://www.topografix.com/GPX/1/1"


def frame_record(done: TrackedFrame, *, failure_type: str = "ImageError") -> dict[str, Any]:
    """One frame as plain JSON values: ``whence.track/1``, or ``whence.failure/1`` if it could not be read.

    Args:
        done: the frame.
        failure_type: what the error is called.
    """
    estimate = done.estimate
    if estimate is None:
        query: dict[str, Any] = {"name": str(done.frame.path), "sha256": [done.sha256] if done.sha256 else []}
        error = {"type": failure_type, "message": done.problem}
        return {"schema": FAILURE_SCHEMA, "query": query, "error": error, "versions": {"whence": __version__}}
    searched = done.observation.searched if done.observation is not None else None
    return {
        "schema": SCHEMA,
        "query": {"name": str(done.frame.path), "sha256": done.sha256 or None},
        "time_s": round(estimate.time_s, 6),
        "status": estimate.status.value,
        "point": {"lat_deg": round(estimate.lat_deg, 8), "lon_deg": round(estimate.lon_deg, 8)},
        "covariance_m2": [round(value, 4) for value in estimate.covariance_m2],
        "sigma_m": round(estimate.sigma_m, 3),
        "velocity_mps": [round(value, 3) for value in estimate.velocity_mps],
        "heading_deg": None if estimate.heading_deg is None else round(estimate.heading_deg, 3),
        "heading_sigma_deg": round(estimate.heading_sigma_deg, 3),
        "gsd_m_per_px": None if estimate.gsd_m_per_px is None else round(estimate.gsd_m_per_px, 6),
        "probability": round(estimate.probability, 6),
        "lost_probability": round(estimate.lost_probability, 6),
        "log_evidence": round(estimate.log_evidence, 4),
        "smoothed": estimate.smoothed,
        "searched": None if searched is None else [round(v, d) for v, d in zip(searched, (8, 8, 1), strict=True)],
        "decisions": [
            {
                "candidate": item.candidate,
                "verdict": item.verdict,
                "probability": round(item.probability, 6),
                "distance_sigmas": round(item.distance_sigmas, 3) if math.isfinite(item.distance_sigmas) else None,
                "reason": item.reason,
            }
            for item in estimate.decisions
        ],
        "reasons": list(estimate.reasons),
        "over_budget": estimate.over_budget,
        "timings_ms": {
            "matching": round(done.observation.matching_ms, 2) if done.observation is not None else 0.0,
            "filter": round(estimate.elapsed_ms, 3),
        },
        "versions": {"whence": __version__},
    }


def ellipse(estimate: TrackEstimate, points: int = 48) -> Float[np.ndarray, "n 2"]:
    """Latitudes and longitudes around the ellipse that holds 90 %, clockwise."""
    ee, en, nn = estimate.covariance_m2
    values, axes = np.linalg.eigh(np.array([[ee, en], [en, nn]]))
    turn = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    round_ = np.stack([np.sin(turn), np.cos(turn)], axis=1) * np.sqrt(np.maximum(values, 0.0)) * radius_holding(0.9)
    offset = round_ @ axes.T
    bearing = np.degrees(np.arctan2(offset[:, 0], offset[:, 1]))
    lat, lon = destination(estimate.lat_deg, estimate.lon_deg, bearing, np.hypot(*offset.T) / 1e3)
    return np.stack([lat, lon], axis=1)


def stretches(estimates: Iterable[TrackEstimate]) -> list[list[TrackEstimate]]:
    """Runs of frames that are not lost."""
    out: list[list[TrackEstimate]] = [[]]
    for estimate in estimates:
        if estimate.status is TrackStatus.LOST:
            out.append([])
        else:
            out[-1].append(estimate)
    return [run for run in out if run]


def track_features(frames: Sequence[TrackedFrame]) -> list[Feature]:
    """The track as lines, each frame as a point and, unless it is lost, the ellipse that holds 90 %."""
    from shapely.geometry import LineString, MultiPolygon, Point, Polygon

    estimates = [done.estimate for done in frames if done.estimate is not None]
    features = [
        Feature("track", LineString([(e.lon_deg, e.lat_deg) for e in run]), {"kind": "track"}, "answer")
        for run in stretches(estimates)
        if len(run) > 1
    ]
    for done in frames:
        if done.estimate is None:
            continue
        record = frame_record(done)
        told: dict[str, Any] = {"kind": "frame"} | {
            key: record[key]
            for key in ("time_s", "status", "sigma_m", "heading_deg", "heading_sigma_deg", "probability")
        }
        told["reasons"] = " ".join(done.estimate.reasons)
        name = done.frame.path.name
        features.append(Feature(name, Point(done.estimate.lon_deg, done.estimate.lat_deg), told, "candidate"))
        if done.estimate.status is not TrackStatus.LOST:
            shape = MultiPolygon([Polygon(ellipse(done.estimate)[::-1, ::-1])])
            features.append(Feature(f"{name}: 90 %", shape, {"kind": "ellipse", "holds": 0.9}, "credible90"))
    return features


def track_gpx(frames: Sequence[TrackedFrame], name: str) -> str:
    """GPX 1.1: a track with a segment for each stretch that is not lost. Times are seconds from the first frame."""
    ET.register_namespace("", _GPX)
    root = ET.Element(f"{{{_GPX}}}gpx", version="1.1", creator=f"whence {__version__}")
    track = ET.SubElement(root, f"{{{_GPX}}}trk")
    ET.SubElement(track, f"{{{_GPX}}}name").text = name
    for run in stretches(done.estimate for done in frames if done.estimate is not None):
        segment = ET.SubElement(track, f"{{{_GPX}}}trkseg")
        for estimate in run:
            at = {"lat": f"{estimate.lat_deg:.8f}", "lon": f"{estimate.lon_deg:.8f}"}
            one = ET.SubElement(segment, f"{{{_GPX}}}trkpt", at)
            said = f"{estimate.time_s:.3f} s, {estimate.status.value}, {estimate.sigma_m:.1f} m"
            ET.SubElement(one, f"{{{_GPX}}}cmt").text = said
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
