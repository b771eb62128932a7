"""Whole sites: drone frames on an orthophoto, aerial pictures on satellites, visible light on near infrared.

    python benchmarks/crossview_sites.py brighton --data ../shared/data
    python benchmarks/crossview_sites.py homonim --data ../shared/data --table without_homonim.json

The shipped table judges, and beside it one that was fitted without the site (``scripts/fit_verifier.py --without``) if
one is given: figures named ``left_out`` are its.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from crossview_pairs import Maker, between, corner_error_px
from crossview_pictures import (
    Picture,
    brighton,
    cut,
    frames,
    homonim,
    sentinel,
    view,
    warped,
)
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.correlate import Correlator
from whence.crossview.register.registrar import Registrar
from whence.crossview.types import Match
from whence.crossview.verify import Config, MatchPriors, Verifier, VerifierTable
from whence.earth.coordinates import bearing_deg, distance_km
from whence.earth.tiles.types import Patch
from whence.samples.view import ViewKind

ELLIPSE_90 = 4.605
"""Squared Mahalanobis distance that holds 90 % of a Gaussian of the plane."""


def left_out(given: argparse.Namespace) -> Verifier:
    """A verifier with the table that was given, else the shipped one."""
    table = VerifierTable.from_json(given.table.read_text(encoding="utf-8")) if given.table else None
    return Verifier(Config(), table)


def offset_m(match: Match, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Metres east and north of a match from a place."""
    assert match.pose is not None
    metres = float(distance_km(lat_deg, lon_deg, match.pose.lat_deg, match.pose.lon_deg)) * 1e3
    angle = np.radians(float(bearing_deg(lat_deg, lon_deg, match.pose.lat_deg, match.pose.lon_deg)))
    return float(metres * np.sin(angle)), float(metres * np.cos(angle))


def inside_90(match: Match, east: float, north: float) -> bool:
    """Whether a miss lies within the ellipse that should hold 90 %."""
    assert match.pose is not None
    xx, xy, yy = match.pose.covariance_m2
    miss = np.array([east, north])
    return bool(miss @ np.linalg.solve(np.array([[xx, xy], [xy, yy]]), miss) <= ELLIPSE_90)


def interval(values: np.ndarray) -> list[float]:
    """90 % bootstrap interval of the median."""
    draw = np.random.default_rng(0)
    medians = [np.median(values[draw.integers(0, len(values), len(values))]) for _ in range(1000)]
    return [round(float(v), 2) for v in np.percentile(medians, [5, 95])]


def brighton_part(given: argparse.Namespace) -> dict[str, Any]:
    """Drone frames on the orthophoto; the yaw that the gimbal wrote is a prior of the verifier, not of the search."""
    ortho, registrar, verifier = brighton(given.data).patch, Registrar(RegisterConfig()), Verifier()
    unseen = left_out(given)
    rows = []
    for row, whole in frames(given.data):
        width = round(whole.shape[1] * float(row["gsd_m_1024"]) / 0.1)
        pixels = cv2.resize(
            whole, (width, round(whole.shape[0] * width / whole.shape[1])), interpolation=cv2.INTER_AREA
        )
        gsd = float(row["gsd_m_1024"]) * whole.shape[1] / width
        start = time.process_time()
        found = registrar.register(pixels, ortho, prior=PosePrior(gsd_m_per_px=gsd, scale_range=1.3))
        yaw = float(row["xmp_gimbal_yaw_deg"]) % 360.0
        priors = MatchPriors(heading_deg=yaw, gsd_m_per_px=gsd, searched="scale")
        query = view(pixels, row["file"])
        match, bare = verifier.verify(query, ortho, found, priors=priors), verifier.verify(query, ortho, found)
        one: dict[str, Any] = {
            "file": row["file"],
            "flipped": row["yaw_flipped_180"] == "1",
            "accepted": match.accepted,
            "left_out": unseen.verify(query, ortho, found, priors=priors).accepted,
        }
        one |= {"probability": round(match.probability, 4), "without_yaw": round(bare.probability, 4)}
        one["cpu_s"] = round(time.process_time() - start, 2)
        if match.pose is not None:
            east, north = offset_m(match, float(row["lat_deg"]), float(row["lon_deg"]))
            turn = match.pose.heading_deg - float(row["image_up_bearing_deg"])
            one |= {
                "error_m": round(float(np.hypot(east, north)), 2),
                "east_m": round(east, 2),
                "north_m": round(north, 2),
            }
            one |= {"turn_off_deg": round(float(np.mod(turn + 180.0, 360.0) - 180.0), 2)}
            one |= {"sigma_m": round(match.pose.sigma_m, 2), "inside_90": inside_90(match, east, north)}
        rows.append(one)
    kept = [row for row in rows if row["accepted"]]
    error, turn = (np.array([abs(row[name]) for row in kept]) for name in ("error_m", "turn_off_deg"))
    return {
        "frames": rows,
        "accepted": len(kept),
        "accepted_left_out": sum(row["left_out"] for row in rows),
        "median_error_m": round(float(np.median(error)), 2),
        "median_90%": interval(error),
        "worst_error_m": round(float(error.max()), 2),
        "median_turn_off_deg": round(float(np.median(turn)), 2),
        "worst_turn_off_deg": round(float(turn.max()), 2),
        "inside_90": sum(row["inside_90"] for row in kept),
    }


def homonim_part(given: argparse.Namespace) -> dict[str, Any]:
    """Windows of aerial strips and of Sentinel-2 sought in whole scenes of other sensors; scale and north are known."""
    pictures = homonim(given.data)
    strips = [picture for picture in pictures if picture.sensor == "aerial"]
    by = {picture.sensor: picture for picture in pictures}
    plan = (
        ("aerial→sentinel2", strips, by["sentinel2"], 1280.0, 128, 1.0),
        ("aerial→landsat", strips, by["landsat"], 2880.0, 192, 2.0),
        ("sentinel2→landsat", [by["sentinel2"]], by["landsat"], 2880.0, 192, 2.0),
        ("aerial→modis", strips[:1], by["modis"], 2880.0, 192, 8.0),
    )
    found: dict[str, Any] = {}
    for name, sources, target, side_m, out, magnify in plan:
        reference = _magnified(target.patch, magnify)
        for label, registrar in (("points", Registrar(RegisterConfig())), ("correlation", Correlator())):
            rows = [
                _searched(window, reference, registrar, (Verifier(), left_out(given)))
                for source in sources
                for window in _grid(source, side_m, out, given.windows // len(sources))
            ]
            found[f"{name}, {label}"] = _summary(rows, target.patch.georeference.gsd_m_per_px / magnify)
            print(json.dumps({name: found[f"{name}, {label}"]}), file=sys.stderr, flush=True)
    return found


def _magnified(patch: Patch, factor: float) -> Patch:
    """A coarse picture interpolated to smaller pixels."""
    if factor == 1.0:
        return patch
    where = patch.georeference
    size = (round(where.width_px * factor), round(where.height_px * factor))
    pixels, valid = warped(patch.pixels, patch.valid, np.diag([factor, factor, 1.0]), size)
    return Patch(
        pixels, valid, where.window(0, 0, where.width_px, where.height_px, *size), patch.name, patch.provenance
    )


def _grid(picture: Picture, side_m: float, out: int, most: int) -> list[Patch]:
    """Windows side by side that hold data; at most so many, evenly chosen."""
    where = picture.patch.georeference
    side = side_m / where.gsd_m_per_px
    windows = [
        cut(picture, x, y, side, out)
        for y in np.arange(side / 2, where.height_px - side / 2 + 1, side)
        for x in np.arange(side / 2, where.width_px - side / 2 + 1, side)
    ]
    good = [window for window in windows if window.valid.mean() > 0.9]
    return [good[i] for i in np.unique(np.linspace(0, len(good) - 1, min(most, len(good))).round().astype(int))]


def _searched(
    window: Patch, reference: Patch, registrar: Registrar | Correlator, verifiers: tuple[Verifier, Verifier]
) -> dict[str, Any]:
    """One window searched for in a scene, judged by both tables."""
    side = window.pixels.shape[0]
    truth = between(np.eye(3), (side, side), window.georeference, reference.georeference)
    prior = PosePrior(window.georeference.gsd_m_per_px, 1.1, window.georeference.up_bearing_deg, 6.0)
    start = time.process_time()
    found = registrar.register(window.pixels, reference, valid=window.valid, prior=prior)
    query = view(window.pixels, window.name, ViewKind.SATELLITE)
    match, unseen = (verifier.verify(query, reference, found) for verifier in verifiers)
    row: dict[str, Any] = {"accepted": match.accepted, "probability": match.probability, "error_px": np.inf}
    row |= {"left_out": unseen.accepted}
    row |= {"side_px": side * window.georeference.gsd_m_per_px / reference.georeference.gsd_m_per_px}
    if found.transform is not None:
        row["error_px"] = corner_error_px(found.transform, truth, (side, side))
    return row | {"cpu_s": time.process_time() - start}


def _summary(rows: list[dict[str, Any]], gsd: float) -> dict[str, Any]:
    """Found in the right window of a grid (nearer than half a window), accepted, and the error of those accepted."""
    hit = np.array([row["error_px"] < 0.5 * row["side_px"] for row in rows])
    accepted, error = np.array([row["accepted"] for row in rows]), np.array([row["error_px"] for row in rows])
    unseen = np.array([row["left_out"] for row in rows])
    right = accepted & hit
    return {
        "windows": len(rows),
        "right_window": int(hit.sum()),
        "accepted": int(accepted.sum()),
        "accepted_wrong": int((accepted & ~hit).sum()),
        "left_out": int((unseen & hit).sum()),
        "left_out_wrong": int((unseen & ~hit).sum()),
        "median_error_m": round(float(np.median(error[right]) * gsd), 1) if right.any() else None,
        "worst_error_m": round(float(error[right].max() * gsd), 1) if right.any() else None,
        "cpu_s": round(float(np.median([row["cpu_s"] for row in rows])), 2),
    }


def sentinel_part(given: argparse.Namespace) -> dict[str, Any]:
    """Visible patches, turned and moved, among all patches in near infrared: the most probable is the answer.

    By correlation with the heading known within some degrees, or by points with any heading.
    """
    pictures, draw = sentinel(given.data), np.random.default_rng(given.seed)
    visible, infrared = pictures[::2], [picture.patch for picture in pictures[1::2]]
    verifier = Verifier(Config(prior=1.0 / len(infrared)))
    registrar = Registrar(RegisterConfig(cached=len(infrared))) if given.points else Correlator()
    even, unseen, maker = Verifier(), left_out(given), Maker(turn_deg=180.0, scale=1.0, tilt=0.0, change=0.0)
    chosen = np.unique(np.linspace(0, len(visible) - 1, given.windows).round().astype(int))
    rank, error, accepted, wrong, tried, fresh, fresh_wrong = [], [], 0, 0, 0, 0, 0
    for number in chosen:
        x, y = 64.0 + draw.uniform(-12, 12, 2)
        pixels, mask, transform = maker.query(visible[number], x, y, 96.0, 96, draw)
        query, odds = view(pixels, visible[number].patch.name), []
        turn = (
            np.degrees(np.arctan2(transform[1, 0], transform[0, 0])) + visible[number].patch.georeference.up_bearing_deg
        )
        prior = (
            PosePrior(10.0, 1.1)
            if given.points
            else PosePrior(10.0, 1.1, float(turn + draw.normal(0, 5)) % 360.0, 15.0)
        )
        for index, patch in enumerate(infrared):
            found = registrar.register(pixels, patch, valid=mask, prior=prior)
            match, alone = verifier.verify(query, patch, found), even.verify(query, patch, found)
            blind = unseen.verify(query, patch, found).accepted
            odds.append(match.probability)
            if index == number:
                accepted, fresh = accepted + alone.accepted, fresh + blind
                if found.transform is not None:
                    error.append(corner_error_px(found.transform, transform, (96, 96)))
            else:
                wrong, fresh_wrong, tried = wrong + alone.accepted, fresh_wrong + blind, tried + 1
        first = float(odds[number]) > max(odds[:number] + odds[number + 1 :])
        rank.append(first)
        print(
            json.dumps({"query": int(number), "first": first, "accepted": accepted, "wrong": wrong}),
            file=sys.stderr,
            flush=True,
        )
    near = np.array([e for e in error if e < 5.0])
    return {
        "queries": len(rank),
        "among": len(infrared),
        "R@1": sum(rank),
        "accepted": accepted,
        "registered_within_5_px": len(near),
        "median_error_px": round(float(np.median(near)), 2) if len(near) else None,
        "mismatched_pairs": tried,
        "false_accepts": wrong,
        "left_out": fresh,
        "left_out_false": fresh_wrong,
    }


PARTS = {"brighton": brighton_part, "homonim": homonim_part, "sentinel": sentinel_part}


def main() -> None:
    """Run parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", choices=tuple(PARTS), nargs="+")
    parser.add_argument("--data", type=Path, required=True, help="folder with crossview/")
    parser.add_argument("--table", type=Path, help="table of the verifier fitted without the site")
    parser.add_argument(
        "--windows", type=int, default=24, help="queries of homonim (a pair of sensors) and of sentinel"
    )
    parser.add_argument("--points", action="store_true", help="sentinel by points instead of correlation")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    json.dump({part: PARTS[part](given) for part in given.parts}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
