"""What a calibration finds, and whether its promises hold: on made pictures whose right calibration is known.

    python benchmarks/calibration.py [--repeats 5] [--out calibration.json]
    python benchmarks/calibration.py --predictions fold0.parquet fold1.parquet

The first makes pictures whose source is too sure by a known factor, and wrong by a known share (those of the tests),
fits a calibration to some of them, and looks at 200 others: what was found, bits and coverage before and after. The
second fits one to files of ``whence predict`` that share a prior, and tells what it does to photographers left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
NEW = 200
CASES = ((1.0, 0.0), (3.0, 0.0), (1.0, 0.2), (3.0, 0.2))
COUNTS = (40, 200)
HELD_OUT = ("photographer", "pictures", "bits before", "bits after", "50 % before, after", "90 % before, after")
COLUMNS = ("true T", "true wrong share", "pictures", "T", "wrong share", "bits before", "bits after", "50 %", "90 %")


def made(repeats: int, seed: int) -> list[dict[str, Any]]:
    """One row a case and a number of pictures: means over repeats, each with pictures of its own."""
    sys.path.insert(0, str(ROOT / "tests"))
    from made_records import made_prior

    prior = made_prior()
    rows = []
    for sharpened, wrong in CASES:
        for count in COUNTS:
            told = [
                _one(prior, count, np.random.default_rng([seed, count, repeat]), sharpened, wrong)
                for repeat in range(repeats)
            ]
            mean = {key: round(float(np.mean([item[key] for item in told])), 3) for key in told[0]}
            spread = {f"{key} ±": round(float(np.std([item[key] for item in told])), 3) for key in ("T", "wrong share")}
            rows.append({"true T": sharpened, "true wrong share": wrong, "pictures": count, **mean, **spread})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _one(prior: Any, count: int, rng: np.random.Generator, sharpened: float, wrong: float) -> dict[str, float]:
    from made_records import made_records, made_run
    from whence.estimate.conformal import region_of
    from whence.evaluate.calibration import Config, calibrate
    from whence.evaluate.calibration_fit import Trust, gains_bits
    from whence.evaluate.calibration_rows import lay_out

    how: dict[str, Any] = {"sharpened": sharpened, "wrong": wrong, "groups": 0}
    found = calibrate(made_run(prior), made_records(prior, count, rng, **how), Config(abstain_by="none"))
    new = made_records(prior, NEW, rng, **how)
    source = found.sources["eye"]
    trust = {"eye": Trust(source.temperature, source.wrong_share)}
    rows = lay_out(prior, new, ("eye",))
    beliefs = [_calibrated(prior, record, source.temperature, source.wrong_share) for record in new]
    held = {}
    for coverage in (0.5, 0.9):
        level = found.level("area", coverage).level
        inside = [
            region_of(belief, level).contains(record.truth.lat_deg, record.truth.lon_deg)
            for belief, record in zip(beliefs, new, strict=True)
        ]
        held[f"{100 * coverage:.0f} %"] = float(np.mean(inside))
    return {
        "T": source.temperature,
        "wrong share": source.wrong_share,
        "bits before": float(gains_bits(rows, {}).mean()),
        "bits after": float(gains_bits(rows, trust).mean()),
        **held,
    }


def _calibrated(prior: Any, record: Any, temperature: float, wrong_share: float) -> Any:
    """The belief as the calibration would have made it: the formula of docs/calibration.md."""
    from whence.earth.field import Field

    told = record.sources[0].likelihood.scale(1.0 / temperature)
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp(np.log1p(-wrong_share) + told.values - prior.expected(told), np.log(wrong_share))
    return Field.sum([prior, Field(told.partition, mixed)]).normalise()


def of_files(paths: list[Path]) -> dict[str, Any]:
    """Calibration of predictions, with what it does to photographers that it was not fitted on."""
    from whence.evaluate.calibration import Config, calibrate
    from whence.evaluate.prediction_file import read_run

    files = [read_run(path) for path in paths]
    priors = [file.run.prior for file in files]
    for path, prior in zip(paths, priors, strict=True):
        if not np.array_equal(prior.values, priors[0].values):
            sys.exit(f"{path} was made with another prior than {paths[0]}: predict all with one.")
    records = [record for file in files for record in file.records(estimates=False)]
    found = calibrate(files[0].run, records, Config())
    return {
        "sources": {name: asdict(item) for name, item in found.sources.items()},
        "held out": found.figures["held_out"],
        "levels": [asdict(level) for level in found.levels],
    }


def markdown(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """The rows as a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (list(columns), ["---"] * len(columns), *rows))


def rows_of_made(told: list[dict[str, Any]]) -> list[list[str]]:
    """Figures of made pictures, in the order of `COLUMNS`."""
    return [[f"{row[key]:.0%}" if key.endswith("%") else f"{row[key]:g}" for key in COLUMNS] for row in told]


def rows_of_files(told: dict[str, Any]) -> list[list[str]]:
    """Figures of photographers left out, in the order of `HELD_OUT`; none of one photographer alone."""
    return [
        [
            row["group"] or "all",
            str(row["pictures"]),
            *(f"{row[key]:.2f}" for key in ("bits_before", "bits_after")),
            *(f"{row['covered_before'][level]:.0%}, {row['covered_after'][level]:.0%}" for level in ("0.5", "0.9")),
        ]
        for row in told["held out"]
    ]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", nargs="+", type=Path, help="files of whence predict with one prior")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.predictions:
        told: Any = of_files(given.predictions)
        print(json.dumps(told["sources"], indent=1))
        print(f"\n{markdown(HELD_OUT, rows_of_files(told))}")
    else:
        told = made(given.repeats, given.seed)
        print(f"\n{markdown(COLUMNS, rows_of_made(told))}")
    if given.out:
        given.out.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
