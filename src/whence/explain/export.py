"""An `Estimate` for GIS programs: the answer, the candidates and the credible regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whence.earth.coordinates import bounds_of_disc
from whence.earth.formats import Feature, features_to_geojson, region_geometry
from whence.earth.geotiff import field_to_geotiff
from whence.earth.kml import features_to_kml
from whence.estimate import wording
from whence.estimate.render import SCHEMA
from whence.estimate.types import Estimate
from whence.explain.rationale import rationale

_RASTER_PX = 1000


def estimate_features(estimate: Estimate) -> tuple[Feature, ...]:
    """Credible regions (widest first, so that they are drawn below), candidates, answer."""
    from shapely.geometry import Point

    regions = [
        Feature(
            f"{region.level:.0%} credible region",
            region_geometry(region.region),
            {"role": "credible", "level": region.level, "area_km2": float(f"{region.area_km2:.6g}")},
            f"credible{region.level * 100:.0f}",
        )
        for region in sorted(estimate.credible, key=lambda item: -item.level)
    ]
    candidates = [
        Feature(
            f"{rank}. {candidate.label}",
            Point(round(candidate.lon_deg, 6), round(candidate.lat_deg, 6)),
            {"role": "candidate", "rank": rank, "probability": round(candidate.probability, 6)},
            "candidate",
        )
        for rank, candidate in enumerate(estimate.candidates, start=1)
    ]
    answer = Feature(
        wording.where(estimate),
        Point(round(estimate.point.lon_deg, 6), round(estimate.point.lat_deg, 6)),
        {
            "role": "answer",
            "abstained": estimate.abstained,
            "error_p50_km": float(f"{estimate.error_km['p50']:.6g}"),
            "error_p90_km": float(f"{estimate.error_km['p90']:.6g}"),
        },
        "answer",
    )
    return (*regions, *candidates, answer)


def estimate_to_geojson(estimate: Estimate) -> dict[str, Any]:
    """GeoJSON FeatureCollection (RFC 7946); the foreign member ``whence`` names the query and the versions."""
    about = {
        "schema": SCHEMA,
        "query": estimate.query.name,
        "sha256": list(estimate.query.sha256),
        "versions": dict(estimate.versions),
    }
    return features_to_geojson(estimate_features(estimate), {"whence": about})


def estimate_to_kml(estimate: Estimate) -> str:
    """KML 2.2 document."""
    return features_to_kml(estimate_features(estimate), estimate.query.name or "whence", rationale(estimate).to_text())


def estimate_to_geotiff(estimate: Estimate, path: Path) -> None:
    """GeoTIFF of the belief's density around the answer: twice the radius that holds 90 %, about 1,000 pixels.

    Raises:
        MissingExtraError: ``rasterio`` is not installed (extra ``scale``).
    """
    radius = max(2.0 * estimate.error_km["p90"], 0.01)
    bounds = bounds_of_disc(estimate.point.lat_deg, estimate.point.lon_deg, min(radius, 15_000.0))
    tall = bounds.north - bounds.south
    wide = bounds.east - bounds.west + (360.0 if bounds.west > bounds.east else 0.0)
    field_to_geotiff(estimate.belief, path, bounds, max(tall, wide) / _RASTER_PX)
