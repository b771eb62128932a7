"""A run to evaluate: real estimates of made-up evidence at well-known cities, some sharp, some wrong, one failed."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from whence.earth.field import Field
from whence.estimate.estimate import estimate
from whence.estimate.render import to_dict
from whence.estimate.types import QueryInfo
from whence.evaluate.belief_metrics import read_beliefs
from whence.evaluate.evaluation import Config, Evaluation, evaluate
from whence.evaluate.predictions import predictions_of, truths_of
from whence.evaluate.records import Record, Run, SourceRecord, Truth
from whence.evidence.types import Claim, Evidence

CITIES = {
    "paris": (48.86, 2.35),
    "sydney": (-33.87, 151.21),
    "nairobi": (-1.29, 36.82),
    "lima": (-12.05, -77.04),
    "tokyo": (35.68, 139.69),
    "suva": (-18.14, 178.44),
    "reykjavik": (64.15, -21.94),
    "denver": (39.74, -104.99),
}


def made_run(count: int = 24, seed: int = 0, *, system: str = "made") -> tuple[Run, tuple[Record, ...]]:
    """A run over ``count`` pictures by three photographers; the last picture has failed."""
    prior = Field.uniform(4).normalise()
    generator = np.random.default_rng(seed)
    records = tuple(_record(i, prior, generator) for i in range(count - 1))
    lost = Record(
        f"{count - 1:03d}.jpg", "", Truth(0.0, 0.0, None, "c"), math.nan, math.nan, math.nan, math.nan, False,
        failure="the file is <empty>",
    )  # fmt: skip
    versions = {"whence": "0.1.0", "configuration": "ba9876543210"}
    run = Run(
        "photos/miniature.csv", prior, versions, {"sources": "scene,text"}, "a machine", "2026-01-02T03:04:05Z", system
    )
    return run, (*records, lost)


def evaluated(run: Run, records: tuple[Record, ...], **settings: object) -> Evaluation:
    """The evaluation of records."""
    beliefs = None
    if any(item.belief is not None for item in records):
        beliefs = read_beliefs(records, run.prior)
    return evaluate(predictions_of(records), truths_of(records), Config(draws=100, **settings), beliefs=beliefs)


def _record(index: int, prior: Field, generator: np.random.Generator) -> Record:
    name, (lat, lon) = list(CITIES.items())[index % len(CITIES)]
    wrong = list(CITIES.values())[(index * 3 + 1) % len(CITIES)] if index % 5 == 4 else (lat, lon)
    off = generator.normal(0.0, 2.0, 2)
    scene = Field.from_points(
        [wrong[0] + off[0]], [wrong[1] + off[1]], sigma_km=150.0 * 4.0 ** (index % 3), floor=0.02, base_order=4
    )
    claims = (Claim("scenery", f"streets of {name} & <more>", "looks like it", "guesses", scene),)
    evidence = [Evidence("scene", claims, temperature=1.5, elapsed_ms=7.0), Evidence("text", failure="out of time")]
    sha256 = hashlib.sha256(str(index).encode()).hexdigest()
    found = estimate(QueryInfo(f"{index:03d}.jpg", (sha256,), (640, 480), "ground", "JPEG", ()), prior, evidence)
    return Record(
        f"{index:03d}.jpg",
        sha256,
        Truth(lat, lon, 1.0, "abc"[index % 3], {"city": name}),
        found.point.lat_deg,
        found.point.lon_deg,
        found.error_km["p50"],
        found.error_km["p90"],
        found.abstained,
        found.belief,
        (SourceRecord("scene", scene, 1.5, 1.0), SourceRecord("text", None, failure="out of time", elapsed_ms=3.0)),
        to_dict(found),
        None,
        11.0,
    )
