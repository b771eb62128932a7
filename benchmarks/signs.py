"""How much the text source tells of photographs of signs, against the prior alone.

    python benchmarks/signs.py [--half development|test|both] [--cache FOLDER] [--each] [--time]

Reads ``../shared/data/photos/signs`` (not part of this repository; ``WHENCE_SHARED`` overrides the folder) and ends
politely without it. The photographs are split into halves by a hash of their names: failures were looked at in the
development half only.

For the photographs with readable text: bits gained over the prior at the true place
(log2 of the posterior's density over the prior's there; mean with a bootstrap interval over photographs), the
country of most mass, and how often the smallest region of 90 % holds the true place.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from whence.earth.field import LN2, Field
from whence.earth.regions import RegionLevel, regions
from whence.estimate.fuse import fuse
from whence.evidence.prior import prior_field
from whence.evidence.text.config import Config
from whence.evidence.text.lines import TextLine, letters
from whence.evidence.text.ocr import read_text
from whence.evidence.text.source import claims_of
from whence.evidence.types import Box, Claim, Evidence
from whence.samples.reader import read_view

SHARED = Path(os.environ.get("WHENCE_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
BOOTSTRAPS = 10_000


@dataclass(frozen=True)
class Sign:
    """A photograph with its true place."""

    path: Path
    lat_deg: float
    lon_deg: float
    country: str

    @property
    def half(self) -> str:
        """Which half it belongs to, by a hash of its name."""
        digest = hashlib.sha256(self.path.name.encode()).digest()
        return "development" if digest[-1] % 2 == 0 else "test"


@dataclass(frozen=True)
class Score:
    """What came out for one photograph."""

    sign: Sign
    readable: bool
    claims: tuple[Claim, ...]
    bits: float
    country: str
    prior_country: str
    covered: bool
    prior_covered: bool
    read_ms: float
    cue_ms: float


def signs() -> list[Sign]:
    """The photographs, in the order of their index."""
    folder = SHARED / "data" / "photos"
    with (folder / "signs" / "signs.csv").open(encoding="utf-8") as file:
        return [
            Sign(folder / row["file"], float(row["lat_deg"]), float(row["lon_deg"]), row["country_iso2"])
            for row in csv.DictReader(file)
        ]


def lines_of(sign: Sign, cache: Path | None) -> tuple[TextLine, ...]:
    """Read the text of a photograph, or take it from the cache."""
    stored = cache / f"{sign.path.stem}.json" if cache else None
    if stored is not None and stored.exists():
        rows = json.loads(stored.read_text(encoding="utf-8"))
        return tuple(TextLine(**{**row, "box": Box(**row["box"]) if row["box"] else None}) for row in rows)
    lines = read_text(read_view(sign.path))
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps([asdict(line) for line in lines]), encoding="utf-8")
    return lines


def score(sign: Sign, prior: Field, prior_country: str, cache: Path | None) -> Score:
    """Locate one photograph by its text alone."""
    start = time.perf_counter()
    lines = lines_of(sign, cache)
    middle = time.perf_counter()
    claims = claims_of(lines, Config())
    end = time.perf_counter()
    posterior = fuse(prior, [Evidence("text", claims)])
    gain = float(posterior.at(sign.lat_deg, sign.lon_deg) - prior.at(sign.lat_deg, sign.lon_deg)) / LN2
    region = posterior.credible_region(0.9)
    return Score(
        sign,
        any(letters(line.text) >= 3 for line in lines),
        claims,
        gain,
        top_country(posterior),
        prior_country,
        bool(region.contains(sign.lat_deg, sign.lon_deg)),
        bool(prior.credible_region(0.9).contains(sign.lat_deg, sign.lon_deg)),
        1e3 * (middle - start),
        1e3 * (end - middle),
    )


def top_country(belief: Field) -> str:
    """Country of most mass."""
    mass = regions(RegionLevel.COUNTRY).marginalise(belief)
    return max((code for code in mass if code), key=lambda code: mass[code])


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean with the bootstrap's 95 % interval."""
    data = np.asarray(values, np.float64)
    if data.size == 0:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(1)
    means = data[rng.integers(0, data.size, (BOOTSTRAPS, data.size))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(data.mean()), float(low), float(high)


def told(name: str, values: Iterable[float], percent: bool = False) -> str:
    """One line of the report."""
    mean, low, high = interval(list(values))
    if percent:
        return f"  {name:<44}{mean:8.1%}   [{low:.1%}, {high:.1%}]"
    return f"  {name:<44}{mean:8.2f}   [{low:.2f}, {high:.2f}]"


def report(half: str, scores: Sequence[Score]) -> None:
    """Print the figures of one half."""
    readable = [s for s in scores if s.readable]
    claimed = [s for s in readable if s.claims]
    print(f"{half} half: {len(scores)} photographs")
    print(told("with readable text", (s.readable for s in scores), percent=True))
    print(told("of these with at least one claim", (bool(s.claims) for s in readable), percent=True))
    print(told("bits gained over the prior, readable", (s.bits for s in readable)))
    print(told("bits gained over the prior, with claims", (s.bits for s in claimed)))
    print(told("country top-1, readable", (s.country == s.sign.country for s in readable), percent=True))
    print(told("country top-1 of the prior alone", (s.prior_country == s.sign.country for s in readable), True))
    print(told("coverage of the 90 % region, readable", (s.covered for s in readable), percent=True))
    print(told("coverage of the prior's 90 % region", (s.prior_covered for s in readable), percent=True))
    print(told("cues, ms a photograph", (s.cue_ms for s in scores)))


def each(scores: Sequence[Score]) -> None:
    """Print every photograph of the development half."""
    for s in scores:
        print(f"{s.sign.path.name} true {s.sign.country} found {s.country} {s.bits:+.1f} bits covered {s.covered}")
        for claim in s.claims:
            at = 0.0 if claim.likelihood is None else float(claim.likelihood.at(s.sign.lat_deg, s.sign.lon_deg))
            print(f"    {at / LN2:+5.1f} {claim.kind}: {claim.read[:90]!r}: {claim.implies}")


def timing() -> None:
    """Time the reading of a photograph of 12 megapixels, enlarged from a sign."""
    from PIL import Image

    with Image.open(signs()[0].path) as image:
        view = read_view(image.convert("RGB").resize((4000, 3000)), name="12 megapixels")
    read_text(view)
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        lines = read_text(view)
        middle = time.perf_counter()
        claims_of(lines, Config())
        spent.append((middle - start, time.perf_counter() - middle))
    reading, cues = np.median(spent, axis=0)
    print(f"12 megapixels: reading {reading:.2f} s, cues {cues:.2f} s ({len(lines)} lines), median of 5")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--half", choices=("development", "test", "both"), default="both")
    parser.add_argument("--cache", type=Path, default=None, help="folder for the text that was read")
    parser.add_argument("--each", action="store_true", help="list the photographs of the development half")
    parser.add_argument("--time", action="store_true", help="time the reader on 12 megapixels")
    options = parser.parse_args()
    if not (SHARED / "data" / "photos" / "signs" / "signs.csv").exists():
        print(f"The sign photographs are not at {SHARED}; nothing to measure.")
        return
    prior = prior_field()
    prior_country = top_country(prior)
    for half in ("development", "test"):
        if options.half not in {half, "both"}:
            continue
        scores = [score(s, prior, prior_country, options.cache) for s in signs() if s.half == half]
        report(half, scores)
        if options.each and half == "development":
            each(scores)
    if options.time:
        timing()


if __name__ == "__main__":
    main()
