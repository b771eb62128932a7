"""From the prior over the world to tiles: how many bits the likeness of towers adds, on blocks never trained on.

    python benchmarks/refine.py --run runs/gleam/main-0 --data DATA --out out/refine

``--run`` is a finished run of ``recipes/gleam_chips.toml`` (`benchmarks/crossview_chips.py` makes them), DATA the
folder with ``bluemarble.jpg``. The run is exported, the whole of Blue Marble is added to a reference set with windows
of 334 km (3° of arc), half overlapping, and pictures of relief and maps at places of the test blocks are located with
the prior ``land`` alone and with ``--refine``. Bits are those of the true place over the prior; intervals resample
blocks of 10°. Settings of likeness were not fitted. The windows are cut from the same picture as the satellite chips
of training, at other places: what is tested is relief and maps of unseen blocks against the satellite picture of the
whole Earth.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from whence.crossview.bundled import BundledEncoder
from whence.crossview.ground import Ground
from whence.crossview.likeness import Config as LikenessConfig
from whence.crossview.likeness import likeness_claim
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.crossview.references.reference_set import ReferenceSet
from whence.earth.coordinates import distance_km
from whence.earth.field import LN2, Field
from whence.earth.tiles.opening import Config as OpeningConfig
from whence.evidence.prior import Config as PriorConfig
from whence.evidence.prior import prior_field
from whence.samples.view import View, ViewKind
from whence.train.crossview.run import export_crossview, load_crossview_data, load_crossview_run

BLOCK_DEG = 10.0
WINDOW_M = 333_585


def reference_set(given: argparse.Namespace, encoder: BundledEncoder) -> Ground:
    """Windows of the whole Earth."""
    folder = given.out / "world"
    reading = OpeningConfig(bounds="90,-90,-180,180", source="NASA Blue Marble", licence="public domain")
    laying = windows.Config(window_m=str(WINDOW_M), overlap=0.5, side_px=64)
    started = time.process_time()
    added = add_references(folder, [given.data / "bluemarble.jpg"], encoder, reading=reading, laying=laying)
    references = ReferenceSet.open(folder)
    print(f"{len(references)} windows ({added.blank} blank), {time.process_time() - started:.0f} s of processor time")
    return Ground(references.mosaic, references, encoder)


def blocks_of(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Number of the block of each place."""
    return np.floor((lat + 90.0) / BLOCK_DEG).astype(int) * 100 + np.floor((lon + 180.0) / BLOCK_DEG).astype(int)


def asked(prior: Field, ground: Ground, view: View, lat: float, lon: float, config: LikenessConfig) -> dict[str, float]:
    """What one view gains."""
    claim = likeness_claim(view, ground, None, config)
    assert claim is not None
    assert claim.likelihood is not None
    belief = prior.add(claim.likelihood).normalise()
    mode = belief.mode()
    region = belief.credible_region(0.9)
    return {
        "bits": (float(belief.at(lat, lon)) - float(prior.at(lat, lon))) / LN2,
        "error_km": float(distance_km(mode.lat_deg, mode.lon_deg, lat, lon)),
        "inside_90": float(region.contains(lat, lon)),
        "area_km2": region.area_km2,
    }


def interval(values: np.ndarray, blocks: np.ndarray, generator: np.random.Generator) -> str:
    """Mean with an interval of 95 % over blocks."""
    names = np.unique(blocks)
    sums = np.array([values[blocks == name].sum() for name in names])
    counts = np.array([(blocks == name).sum() for name in names])
    drawn = generator.integers(0, len(names), (2000, len(names)))
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), [2.5, 97.5])
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Read the command line, build, ask, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("out/refine"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=LikenessConfig().temperature)
    given = parser.parse_args()
    run = load_crossview_run(given.run)
    export_crossview(run, given.out / "bundle", overwrite=True)
    ground = reference_set(given, BundledEncoder.load(str(given.out / "bundle")))
    test = load_crossview_data(run.recipe).test
    prior = prior_field("land", PriorConfig())
    generator = np.random.default_rng(given.seed)
    config = LikenessConfig(temperature=given.temperature)
    for variant in ("relief", "map"):
        pictures = test.variant(variant)
        encoder = BundledEncoder.load(str(given.out / "bundle"), variant)
        world = Ground(ground.mosaic, ground.references, encoder)
        rows = generator.choice(np.flatnonzero(pictures.counted), given.count, replace=False)
        lat, lon = test.lat_deg[pictures.place[rows]], test.lon_deg[pictures.place[rows]]
        found = []
        for row, y, x in zip(rows, lat, lon, strict=True):
            pixels = np.array(pictures.pixels[row])
            view = View(pixels, (pixels.shape[1], pixels.shape[0]), variant, "", "", ViewKind.MAP)
            found.append(asked(prior, world, view, float(y), float(x), config))
        table = {name: np.array([item[name] for item in found]) for name in found[0]}
        blocks = blocks_of(lat, lon)
        told = {
            "variant": variant,
            "pictures": len(rows),
            "blocks": len(np.unique(blocks)),
            "bits": interval(table["bits"], blocks, generator),
            "within_750_km": interval((table["error_km"] <= 750).astype(float), blocks, generator),
            "median_error_km": round(float(np.median(table["error_km"]))),
            "region_90_holds": interval(table["inside_90"], blocks, generator),
            "median_area_km2": round(float(np.median(table["area_km2"]))),
        }
        print(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main()
