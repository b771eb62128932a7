"""Reference sets measured: building one of 100,000 windows, searching it, re-ranking, and where patches lie.

    python benchmarks/tiles.py --raster relief.jpg --out runs/tiles
    python benchmarks/tiles.py … --parts build search accuracy
    python benchmarks/tiles.py … --parts rerank --data crossview

The raster is a picture of the whole world, evenly spaced in latitude and longitude (the shaded relief of ETOPO1, 5400 ×
2700, has texture on land and sea). ``build`` lays 100,000 overlapping windows of 32 pixels on it and embeds each with
256 numbers: mean colours and steepness of an 8 × 8 grid. ``search`` asks with 100 windows at random places, in the
whole set, in the credible region of a belief and near a point. ``accuracy`` cuts patches from generated
pictures in seven projections and compares each with the colours that belong there. ``rerank`` looks for the 67 drone
frames of ``coeffic`` by the whole of matching, with height and heading known: among the 110 windows of its town,
embedded by ``vlad``, and the 100,000 of the raster, laid over other ground as though a pixel were 8.1 m, so that all
windows are 259 m wide; those of the raster fill the index and are not embedded well. Ten places are re-ranked, twice:
with nothing kept beside the set, and after the features of the town's windows were found ahead, which is timed too.

Each part runs in a process of its own, so that its memory is its own, and with one thread, but ``rerank`` with all
cores. Times are given as wall clock and as processor time of the process, and the load of the machine beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

import numpy as np
from PIL import Image

from crossview_data import Pair, pairs, pixels_of
from match import view_of
from whence.crossview.encoder import CrossViewEncoder
from whence.crossview.filling import fill_features
from whence.crossview.ground import Ground
from whence.crossview.match import Matcher
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.crossview.references.features import forget_features
from whence.crossview.references.reference_set import ReferenceSet
from whence.crossview.vlad import VladEncoder
from whence.earth.coordinates import Bounds, distance_km
from whence.earth.field import Field
from whence.earth.tiles import opening
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.pictures import PictureRaster
from whence.earth.tiles.types import Provenance
from whence.samples.view import ViewKind

PARTS = ("build", "search", "accuracy", "rerank")
QUERIES = 100
K = 10
GRID = 8
SIDE_PX = 32
OVERLAP = 0.7
WORLD = "90,-90,-180,180"
FILLER = "0.1,-0.1,0,0.3934"
"""Where the raster lies as filler: 5400 × 2700 pixels of 8.1 m."""
SEED = 0


@final
class GridEncoder(CrossViewEncoder):
    """Mean colours and steepness of a grid of cells: 256 numbers, made to be quick and not to be good."""

    name, version, dim, turns = "grid", "grid-8-4", GRID * GRID * 4, 1
    kinds = frozenset({ViewKind.SATELLITE, ViewKind.DRONE})
    logit_scale = 0.0

    def embed(self, pictures: Any, kind: ViewKind) -> np.ndarray:
        """Embed pictures."""
        rows = []
        for picture in pictures:
            small = np.asarray(Image.fromarray(picture).resize((2 * GRID, 2 * GRID), Image.Resampling.BOX), np.float32)
            cells = small.reshape(GRID, 2, GRID, 2, 3).mean(axis=(1, 3))
            grey = small.mean(axis=2)
            steep = np.hypot(*np.gradient(grey)).reshape(GRID, 2, GRID, 2).mean(axis=(1, 3))
            cells = cells - cells.mean(axis=(0, 1))
            rows.append(np.concatenate([cells.ravel(), (steep - steep.mean()).ravel()]))
        found = np.stack(rows)
        return (found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)).astype(np.float32)


@final
class FilledEncoder(CrossViewEncoder):
    """``vlad``, but small pictures, which fill an index, by their grid."""

    def __init__(self) -> None:
        self._vlad, self._grid = VladEncoder(), GridEncoder()
        self.name, self.version, self.dim = "filled", f"{self._vlad.version}-{self._grid.version}", self._vlad.dim
        self.kinds, self.turns, self.logit_scale = self._vlad.kinds, self._vlad.turns, 0.0

    def embed(self, pictures: Any, kind: ViewKind) -> np.ndarray:
        """Embed pictures."""
        if max(max(picture.shape[:2]) for picture in pictures) > SIDE_PX:
            return self._vlad.embed(pictures, kind)
        found = self._grid.embed(pictures, kind)
        return np.pad(found, ((0, 0), (0, self.dim - found.shape[1])))


def clocks() -> tuple[float, float]:
    """Wall clock and processor time, seconds."""
    return time.perf_counter(), time.process_time()


def peak_mb() -> float:
    """Most memory that this process held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1)


def build(given: argparse.Namespace) -> dict[str, Any]:
    """Build the set from nothing; then add the same again."""
    folder = given.out / "set"
    shutil.rmtree(folder, ignore_errors=True)
    reading = opening.Config(bounds=WORLD, source=given.raster.name, licence="see its source")
    laying = windows.Config(scales="1", side_px=SIDE_PX, overlap=OVERLAP, min_contrast=0.0)
    before = clocks()
    done = add_references(folder, [given.raster], GridEncoder(), reading=reading, laying=laying)
    wall, own = (b - a for a, b in zip(before, clocks(), strict=True))
    again = clocks()
    add_references(folder, [given.raster], GridEncoder(), reading=reading, laying=laying)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "windows": done.windows,
        "wall s": round(wall, 1),
        "processor s": round(own, 1),
        "processor ms a window": round(own / done.windows * 1e3, 3),
        "adding the same again, s": round(clocks()[0] - again[0], 3),
        "peak MB": peak_mb(),
        "on disk MB": round(size / 1e6, 1),
    }


def search(given: argparse.Namespace) -> dict[str, Any]:
    """Ask for the best ten of all windows, of those in a region, and of those near a point."""
    encoder, rng = GridEncoder(), np.random.default_rng(SEED)
    before = clocks()
    opened = ReferenceSet.open(given.out / "set", encoder=encoder, threads=1)
    opened.search(np.asarray(opened.vectors[:1]), 1)
    found: dict[str, Any] = {"windows": len(opened), "opening and first search, s": round(clocks()[0] - before[0], 3)}
    lat = np.degrees(np.arcsin(rng.uniform(-0.95, 0.95, QUERIES)))
    lon = rng.uniform(-180.0, 180.0, QUERIES)
    side = float(opened.windows.side_m[0])
    patches = [opened.patch_at(float(a), float(b), side, SIDE_PX).pixels for a, b in zip(lat, lon, strict=True)]
    queries = encoder.embed(patches, ViewKind.DRONE)
    regions = []
    for a, b in zip(lat, lon, strict=True):
        belief = Field.from_points([a], [b], sigma_km=500.0).normalise()
        regions.append(belief.credible_region(0.9))
    ways: dict[str, Callable[[int], Any]] = {
        "whole set": lambda i: opened.search(queries[i : i + 1], K),
        "region of a belief, 500 km": lambda i: opened.search(queries[i : i + 1], K, within=regions[i]),
        "within 500 km": lambda i: opened.search(queries[i : i + 1], K, near=(float(lat[i]), float(lon[i]), 5e5)),
    }
    for name, ask in ways.items():
        walls, owns, near = [], [], []
        for i in range(QUERIES):
            start = clocks()
            hits = ask(i)
            wall, own = (b - a for a, b in zip(start, clocks(), strict=True))
            walls.append(wall * 1e3)
            owns.append(own * 1e3)
            away = distance_km(hits.lat_deg[0, :1], hits.lon_deg[0, :1], lat[i], lon[i]) * 1e3
            near.append(bool((away < side / 2.0).any()))
        found[name] = {
            "wall ms p50, p95": [round(float(v), 2) for v in np.percentile(walls, (50, 95))],
            "processor ms p50, p95": [round(float(v), 2) for v in np.percentile(owns, (50, 95))],
            "first hit within half a side": round(float(np.mean(near)), 3),
        }
    found["peak MB"] = peak_mb()
    return found


def accuracy(given: argparse.Namespace) -> dict[str, Any]:
    """How far patches are from where they should be, in pixels: waves tell positions, PROJ tells the truth."""
    size, period = (400, 320), 64.0
    sources = {
        "web mercator": GeoReference("EPSG:3857", (0.6, 0.0, 3918467.8, 0.0, -0.6, 3777976.6), *size),
        "degrees": GeoReference.of_bounds(Bounds(north=46.843, south=46.8415, west=-91.995, east=-91.9925), *size),
        "transverse mercator": GeoReference("+proj=tmerc +lon_0=25", (5, 0, -57129.4, 0, -5, -3723906.8), *size),
        "UTM, turned by 33°": GeoReference("EPSG:32633", (1.68, 1.09, 500300.0, 1.09, -1.68, 5200300.0), *size),
        "equal areas of Europe": GeoReference("EPSG:3035", (10, 0, 2860513.0, 0, -10, 2310852.0), *size),
        "degrees over the antimeridian": GeoReference.of_bounds(
            Bounds(north=1.0, south=0.2, west=179.5, east=-179.5), *size
        ),
        "polar stereographic": GeoReference("EPSG:3413", (50, 0, -1e5, 0, -50, -1e6), *size),
    }
    wave = 2 * np.pi / period
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    pixels = np.stack([127.5 + 120 * np.sin(wave * x), 127.5 + 120 * np.sin(wave * y), 0 * x], axis=-1)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "waves.png"
    Image.fromarray(np.rint(pixels).astype(np.uint8)).save(path)
    found = {}
    for name, where in sources.items():
        shifts = []
        for bearing in (0.0, 37.0, 210.0):
            mosaic = Mosaic([PictureRaster(path, where, Provenance("generated"))])
            patch = mosaic.patch_at(*where.centre, 120 * where.gsd_m_per_px, 120, bearing)
            u, v = np.meshgrid(np.arange(120) + 0.5, np.arange(120) + 0.5)
            sx, sy = where.to_pixels(*patch.georeference.to_lat_lon(u, v))
            for band, position in ((0, sx), (1, sy)):
                told = 127.5 + 120 * np.sin(wave * position)
                slope = 120 * wave * np.cos(wave * position)
                away = patch.pixels[..., band] - told
                shifts.append(float((away * slope).sum() / (slope**2).sum()))  # least squares: one shift for all
        found[name] = round(float(np.abs(shifts).max()), 4)
    return {"largest shift of a patch, pixels": found}


def rerank(given: argparse.Namespace) -> dict[str, Any]:
    """Look for drone frames by the whole of matching."""
    folder, encoder = given.out / "rerank", FilledEncoder()
    reading = opening.Config(bounds=FILLER, source=given.raster.name, licence="see its source")
    laying = windows.Config(scales="1", side_px=SIDE_PX, overlap=OVERLAP, min_contrast=0.0)
    add_references(folder, [given.raster], encoder, reading=reading, laying=laying)
    town = opening.Config(licence="see its source")
    add_references(folder, [given.data / "coeffic/tiles"], encoder, reading=town, laying=windows.Config(scales="2"))
    references = ReferenceSet.open(folder, encoder=encoder)
    ground, frames = Ground(references.mosaic, references, encoder), pairs(given.data, "coeffic")[: given.limit]
    Matcher(ground).match(view_of(frames[0], 0.0), heading_deg=0.0, gsd_m_per_px=frames[0].gsd_m_per_px)  # loads all
    forget_features(folder)
    found: dict[str, Any] = {"windows": len(references), "queries": len(frames)}
    found["nothing kept before"] = matched(Matcher(ground), frames)
    forget_features(folder)
    start, gsd_m, side_px = clocks(), frames[0].gsd_m_per_px or 0.0, max(pixels_of(frames[0].query).shape[:2])
    filled = fill_features(Matcher(ground), gsd_m, side_px, near=town_of(references))
    wall, own = (round(after - before, 1) for before, after in zip(start, clocks(), strict=True))
    told = {"windows": filled.windows, "MB": round(filled.bytes / 1e6, 1), "wall s": wall, "processor s": own}
    found["features of the town found ahead"] = told
    found["features kept"] = matched(Matcher(ground), frames)
    return {**found, "peak MB": peak_mb()}


def town_of(references: ReferenceSet) -> tuple[float, float, float]:
    """The circle around the middles of the windows of the source added last."""
    last, w = references.header.sources[-1], references.windows
    lat, lon = w.lat_deg[last.start : last.end], w.lon_deg[last.start : last.end]
    middle = float(lat.mean()), float(lon.mean())
    return *middle, float(distance_km(*middle, lat, lon).max()) * 1e3


def matched(matcher: Matcher, frames: Sequence[Pair]) -> dict[str, Any]:
    """Look for frames one after the other, with a matcher that has not seen any."""
    walls, owns, stages, accepted = [], [], [], 0
    for pair in frames:
        view, start = view_of(pair, 0.0), clocks()
        best = matcher.match(view, heading_deg=0.0, gsd_m_per_px=pair.gsd_m_per_px)[0]
        wall, own = (b - a for a, b in zip(start, clocks(), strict=True))
        walls.append(wall)
        owns.append(own)
        stages.append([best.timings_ms["retrieve"], best.timings_ms["screen"]])
        accepted += best.accepted
    retrieved, screened = np.percentile(stages, (50, 95), axis=0).T / 1e3
    return {
        "accepted": accepted,
        "wall s p50, p95": [round(float(v), 3) for v in np.percentile(walls, (50, 95))],
        "processor s p50, p95": [round(float(v), 3) for v in np.percentile(owns, (50, 95))],
        "describing the query and searching, wall s p50, p95": [round(float(v), 3) for v in retrieved],
        "comparing ten places, wall s p50, p95": [round(float(v), 3) for v in screened],
    }


def main() -> None:
    """Run the parts, each in a process of its own, and write what they found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raster", type=Path, required=True, help="picture of the whole world, plate carrée")
    parser.add_argument("--out", type=Path, default=Path("runs/tiles"))
    parser.add_argument("--data", type=Path, default=Path("crossview"), help="folder of the drone frames, for rerank")
    parser.add_argument("--limit", type=int, default=None, help="so many frames only, for rerank")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS[:3]))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        if given.parts != ["rerank"]:
            import cv2

            cv2.setNumThreads(1)
        sys.stdout.write(json.dumps(globals()[given.parts[0]](given)) + "\n")
        return
    given.out.mkdir(parents=True, exist_ok=True)
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for part in given.parts:
        command = [sys.executable, __file__, "--here", "--raster", str(given.raster), "--out", str(given.out)]
        command += ["--data", str(given.data), *(["--limit", str(given.limit)] if given.limit else [])]
        environment = {**os.environ, **({} if part == "rerank" else one)}
        done = subprocess.run([*command, "--parts", part], check=True, capture_output=True, text=True, env=environment)
        told = {
            "part": part,
            **json.loads(done.stdout),
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {'all' if part == 'rerank' else 'one'} used",
            "load": [round(value, 1) for value in os.getloadavg()],
        }
        (given.out / f"{part}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(json.dumps(told, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
