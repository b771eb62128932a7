"""Views found in a whole reference set: retrieval, re-ranking and registration in a row.

    python benchmarks/match.py build --data crossview --out out/match
    python benchmarks/match.py retrieve --out out/match --data crossview
    python benchmarks/match.py match --out out/match --data crossview --known gsd,heading
    python benchmarks/match.py match --out out/match --data crossview --known gsd,heading --absent --tag absent
    python benchmarks/match.py table --out out/match

``build`` adds the 132 tiles of ``coeffic`` to a reference set with windows of 259 m, half overlapping, embedded by
``--model`` (vlad). ``retrieve`` asks each of the 67 drone frames: R@k is the share of frames for which one of the k
most alike windows holds the point that the frame's middle shows; with ``--known heading`` frames stand north up,
without it they are turned by a random angle and asked in the encoder's directions. ``match`` runs the whole of
``whence match`` in the set, with what ``--known`` names; with ``--absent`` each frame is looked for among the windows
within 250 m of the one furthest from it, none of which shows its ground, so that all that is accepted is false. ``--set
match.threads=1`` and ``OMP_NUM_THREADS=1`` measure one core; features of windows stay beside the set for the next run,
``--set match.features_mb=0`` measures without. The frames are measured only; nothing was fitted to them.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np

from crossview_data import Pair, pairs, pixels_of
from whence.crossview.candidates import upright
from whence.crossview.encoders import open_encoder
from whence.crossview.ground import Ground
from whence.crossview.match import Matcher, matching_options
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.earth.coordinates import distance_km
from whence.samples.view import View, ViewKind

KS = (1, 5, 10, 20)
COLUMNS = (
    *("name", "verified", "turn_deg", "accepted", "probability"),
    *("error_m", "sigma_m", "heading_error_deg", "cpu_ms", "ms", "registered", "matcher"),
)
ABSENT_M = 250.0
"""Windows touch this circle; with half a patch and half a frame on top, nothing further than 770 m away is seen."""
HEAD = (
    "| run | frames | accepted | of these within 25 / 50 / 100 m | beyond 100 m | accepted with a sure place: median "
    "error | processor time p50 / p95 | wall clock p50 / p95 |"
)


def build(given: argparse.Namespace) -> None:
    """The reference set."""
    started = time.process_time()
    laying = windows.Config(scales="2", overlap=0.5)
    added = add_references(given.out / "set", [given.data / "coeffic/tiles"], open_encoder(given.model), laying=laying)
    print(f"{added}, {time.process_time() - started:.1f} s of processor time")


def frames(given: argparse.Namespace) -> list[Pair]:
    """The drone frames."""
    return pairs(given.data, "coeffic")[: given.limit]


def view_of(pair: Pair, turn_deg: float) -> View:
    """A frame, turned so that its upward direction has this bearing."""
    pixels = upright(pixels_of(pair.query), -turn_deg)
    return View(pixels, (pixels.shape[1], pixels.shape[0]), pair.name, "", "JPEG", ViewKind.DRONE)


def turn_of(index: int, known: str, seed: int) -> float:
    """None where the heading is known."""
    return 0.0 if "heading" in known else float(np.random.default_rng([seed, index]).uniform(0, 360))


def retrieve(given: argparse.Namespace) -> None:
    """R@k of the windows, and the time a query takes."""
    ground = Ground.open(given.out / "set")
    encoder = ground.encoder()
    rows, times = [], []
    for index, pair in enumerate(frames(given)):
        turn = turn_of(index, given.known, given.seed)
        view = view_of(pair, turn)
        started = time.process_time()
        headings = [0.0] if "heading" in given.known else [360.0 * i / encoder.turns for i in range(encoder.turns)]
        vectors = encoder.embed([upright(view.pixels, heading) for heading in headings], ViewKind.DRONE)
        hits = ground.search(vectors, max(KS) * 4)
        times.append((time.process_time() - started) * 1e3)
        order = np.argsort(-hits.scores, axis=None, kind="stable")
        found = list(dict.fromkeys(hits.rows.ravel()[order].tolist()))[: max(KS)]
        w = ground.windows
        away = distance_km(pair.lat_deg or 0.0, pair.lon_deg or 0.0, w.lat_deg[found], w.lon_deg[found]) * 1e3
        holds = away <= w.side_m[found] / 2.0
        rows.append([bool(holds[:k].any()) for k in KS])
    shares = np.mean(rows, axis=0)
    told = ", ".join(f"R@{k} {share:.2f} {interval(share, len(rows))}" for k, share in zip(KS, shares, strict=True))
    total = len(ground.windows)
    print(f"known: {given.known or 'nothing'}; {len(rows)} frames among {total} windows: {told}; ", end="")
    print(f"{np.median(times):.0f} ms of processor time (median)")


def interval(share: float, count: int) -> str:
    """Wilson's interval of 95 %."""
    z = 1.96
    middle = (share + z * z / 2 / count) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / 4 / count**2)
    return f"[{middle - half:.2f}, {middle + half:.2f}]"


def match(given: argparse.Namespace) -> None:
    """The whole of ``whence match`` in the set, one row a frame."""
    settings: dict[str, dict[str, object]] = {}
    for text in given.set:
        key, _, value = text.partition("=")
        part, _, name = key.partition(".")
        settings.setdefault(part, {})[name] = value
    # The whole town would fit into one patch; the benchmark is of search in a set.
    settings.setdefault("candidates", {}).setdefault("whole_px", "256")
    matcher = Matcher(Ground.open(given.out / "set"), matching_options(settings))
    path = given.out / f"match_{given.tag}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for index, pair in enumerate(frames(given)):
            turn = turn_of(index, given.known, given.seed)
            view = view_of(pair, turn)
            cpu, wall = time.process_time(), time.perf_counter()
            found = matcher.match(
                view,
                heading_deg=turn if "heading" in given.known else None,
                gsd_m_per_px=pair.gsd_m_per_px if "gsd" in given.known else None,
                near=away_from(pair, matcher.ground) if given.absent else None,
                k=1000,
            )
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            best = found[0] if found else None
            row: list[object] = [pair.name, int(pair.verified), f"{turn:.1f}"]
            if best is None or best.pose is None:
                row += [0, 0.0, "", "", ""]
            else:
                pose = best.pose
                away = float(distance_km(pair.lat_deg or 0.0, pair.lon_deg or 0.0, pose.lat_deg, pose.lon_deg)) * 1e3
                off = abs((pose.heading_deg - turn - (pair.heading_deg or 0.0) + 180.0) % 360.0 - 180.0)
                row += [
                    int(best.accepted),
                    f"{best.probability:.5f}",
                    f"{away:.1f}",
                    f"{pose.sigma_m:.1f}",
                    f"{off:.1f}",
                ]
            told = [len(found), best.registration.matcher if best else ""]
            writer.writerow([*row, f"{cpu * 1e3:.0f}", f"{wall * 1e3:.0f}", *told])
            file.flush()
    print(json.dumps({"written": str(path)}))


def away_from(pair: Pair, ground: Ground) -> tuple[float, float, float]:
    """The circle around the window that is furthest from what a frame shows."""
    w = ground.windows
    away = distance_km(pair.lat_deg or 0.0, pair.lon_deg or 0.0, w.lat_deg, w.lon_deg) * 1e3
    at = int(away.argmax())
    if away[at] < ABSENT_M + 520.0:
        raise SystemExit(f"{pair.name}: no window is far enough from it, the furthest {away[at]:.0f} m.")
    return float(w.lat_deg[at]), float(w.lon_deg[at]), ABSENT_M


def table(given: argparse.Namespace) -> None:
    """What the rows say."""
    print(HEAD)
    print("|---|---|---|---|---|---|---|---|")
    for path in sorted(given.out.glob("match_*.csv")):
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        taken = [row for row in rows if row["accepted"] == "1"]
        errors = np.array([float(row["error_m"]) for row in taken])
        sure = [float(row["error_m"]) for row in taken if row["verified"] == "1"]
        within = " / ".join(str(int((errors <= limit).sum())) for limit in (25, 50, 100))
        p50, p95 = np.percentile([float(row["cpu_ms"]) for row in rows], [50, 95]) / 1e3
        wall50, wall95 = np.percentile([float(row["ms"]) for row in rows], [50, 95]) / 1e3
        median = f"{np.median(sure):.1f} m of {len(sure)}" if sure else "none"
        share = interval(len(taken) / len(rows), len(rows))
        print(
            f"| {path.stem.removeprefix('match_')} | {len(rows)} | {len(taken)} {share} "
            f"| {within} | {int((errors > 100).sum())} | {median} "
            f"| {p50:.2f} / {p95:.2f} s | {wall50:.2f} / {wall95:.2f} s |"
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("build", "retrieve", "match", "table"))
    parser.add_argument("--data", type=Path, default=Path("crossview"))
    parser.add_argument("--out", type=Path, default=Path("out/match"))
    parser.add_argument("--model", default="vlad")
    parser.add_argument("--known", default="", help="what is told of each frame: gsd, heading, both or nothing")
    parser.add_argument("--tag", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="PART.NAME=VALUE")
    parser.add_argument("--absent", action="store_true", help="look for each frame where it is not")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    {"build": build, "retrieve": retrieve, "match": match, "table": table}[given.part](given)


if __name__ == "__main__":
    main()
