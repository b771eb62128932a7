"""What small networks add: ``python benchmarks/scenery.py PHOTOS --models FOLDER [--cache FOLDER]``.

PHOTOS is a folder with ``photos.csv`` (see ``scripts/fit_scenery.py``). For ``streetscene`` and ``scenes365`` the table
is fitted on all photographers but one, and the pictures of that one are asked: bits gained over the default prior where
a picture was taken, by the likelihood over the whole Earth. Intervals are 95 % percentile bootstraps over places. The
side of traffic is tested the same way; nothing is fitted for species. Times are those of one thread's processor. Prints
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import fit_scenery
from fit_scenery import PHOTOGRAPHERS, RIDGE, SOURCES, WRONG_SHARE, Photos
from whence.earth.field import Field
from whence.earth.layers import layers
from whence.earth.regions import RegionLevel, regions
from whence.encode.tflite import TfliteModel
from whence.evidence import scenes365, species, streetscene
from whence.evidence.prior import prior_field
from whence.evidence.scene import fitting
from whence.evidence.scene.assets import SEGMENTATION, checked
from whence.evidence.scene.landscape import traits_at
from whence.evidence.scene.model import FARTHEST, likelihood
from whence.evidence.types import EvidenceSource
from whence.samples.reader import read_view

DRAWS = 1000
LN2 = np.log(2.0)


def interval(values: np.ndarray, photos: Photos, chosen: np.ndarray, seed: int = 0) -> list[float]:
    """Mean of values, and its interval over places: drawn within each photographer, all photographers alike."""
    rng = np.random.default_rng(seed)
    means = []
    for one in np.unique(photos.photographer[chosen]):
        inside = chosen & (photos.photographer == one)
        _, place = np.unique(np.asarray(photos.place)[inside], return_inverse=True)
        total, count = np.bincount(place, values[inside]), np.bincount(place)
        drawn = rng.integers(0, total.size, (DRAWS, total.size))
        means.append([values[inside].mean(), *(total[drawn].sum(axis=1) / count[drawn].sum(axis=1))])
    over = np.mean(means, axis=0)
    return [round(float(value), 3) for value in (over[0], *np.percentile(over[1:], [2.5, 97.5]))]


def told(values: np.ndarray, photos: Photos) -> dict[str, Any]:
    """Mean gain with its interval, for each photographer and for the three alike."""
    everyone = np.ones(len(values), bool)
    out = {name: interval(values, photos, photos.photographer == n) for n, name in enumerate(photos.names)}
    return {
        **out,
        "all three alike": interval(values, photos, everyone),
        "pictures above 0": round(float((values > 0).mean()), 3),
    }


def pulls_left_out(found: np.ndarray, spoken: np.ndarray, photos: Photos, ridge: float) -> np.ndarray:
    """Pulls of each picture by the other photographers' table; nothing for those that the source is silent on."""
    traits, places = traits_at(photos.lat_deg, photos.lon_deg), fitting.reference()
    out = np.zeros_like(traits)
    for one in np.unique(photos.photographer):
        rest = spoken & (photos.photographer != one)
        centres, spreads = fitting.scales(found[rest])
        scaled = np.clip((found - centres) / spreads, -FARTHEST, FARTHEST)
        weights = fitting.fit_weights(scaled[rest], traits[rest], photos.photographer[rest], places, ridge)
        asked = spoken & (photos.photographer == one)
        out[asked] = scaled[asked] @ weights
    return out


def fields_of(pulls: np.ndarray) -> Field | None:
    """The likelihood of one picture, ``None`` if the source is silent on it."""
    return likelihood(pulls, WRONG_SHARE) if pulls.any() else None


def gains(sources: list[np.ndarray], photos: Photos) -> np.ndarray:
    """Bits that sources add together over the default prior where each picture was taken."""
    prior, out = prior_field(), np.zeros(len(photos.files))
    for n in range(len(photos.files)):
        given = [field for field in (fields_of(pulls[n]) for pulls in sources) if field is not None]
        if given:
            total = Field.sum(given)
            out[n] = (float(total.at(photos.lat_deg[n], photos.lon_deg[n])) - prior.expected(total)) / LN2
    return out


def scenery(photos: Photos, models: Path, cache: Path | None) -> dict[str, Any]:
    """What ``streetscene`` and ``scenes365`` add, one by one and together, and how that hangs on the ridge."""
    out: dict[str, Any] = {}
    pulls = []
    traits, places = traits_at(photos.lat_deg, photos.lon_deg), fitting.reference()
    for name, (_, make, _) in SOURCES.items():
        kept = None if cache is None else cache / f"{name}.npy"
        found = fit_scenery.features(photos, make(models), kept)
        spoken = fit_scenery.usable(name, found)
        pulls.append(pulls_left_out(found, spoken, photos, RIDGE))
        by_ridge = {}
        for ridge in fitting.RIDGES:
            value = fitting.gains_bits(pulls_left_out(found, spoken, photos, ridge), traits, places, WRONG_SHARE)
            by_ridge[f"{ridge:g}"] = [round(float(value[photos.photographer == n].mean()), 3) for n in range(3)]
        out[name] = {
            "silent": int((~spoken).sum()),
            "bits gained": told(gains([pulls[-1]], photos), photos),
            "bits by ridge, each photographer left out": by_ridge,
            "bits, ridge chosen without the photographer": chosen_apart(found, spoken, photos),
        }
    out["both together"] = told(gains(pulls, photos), photos)
    return out


def chosen_apart(found: np.ndarray, spoken: np.ndarray, photos: Photos) -> dict[str, list[float]]:
    """Ridge that the other two photographers would choose, and the bits gained with it."""
    traits, places = traits_at(photos.lat_deg, photos.lon_deg), fitting.reference()
    out = {}
    for n, name in enumerate(photos.names):
        rest = spoken & (photos.photographer != n)
        ridge = fitting.choose_ridge(found[rest], traits[rest], photos.photographer[rest], places, WRONG_SHARE)
        value = fitting.gains_bits(pulls_left_out(found, spoken, photos, ridge), traits, places, WRONG_SHARE)
        out[name] = [ridge, round(float(value[photos.photographer == n].mean()), 3)]
    return out


def traffic(photos: Photos, models: Path, cache: Path | None) -> dict[str, Any]:
    """Whether the side on which vehicles stand tells the side that traffic keeps."""
    kept = None if cache is None else cache / "side.npy"
    if kept is not None and kept.is_file():
        side = np.load(kept)
    else:
        network = TfliteModel(checked(models, SEGMENTATION))
        read = [streetscene.side_of_traffic(np.asarray(network.run(pixels), np.int64)) for pixels in pictures(photos)]
        side = np.array([np.nan if value is None else value for value in read])
        if kept is not None:
            np.save(kept, side)
    left = layers().symbols("driving_side", photos.lat_deg, photos.lon_deg) == "left"
    seen = np.isfinite(side)
    mass = prior_field().mass
    where = prior_field().partition
    symbols = layers().symbols("driving_side", where.lat_deg, where.lon_deg)
    share = float(mass[symbols == "left"].sum() / mass[symbols != ""].sum())
    values = np.zeros(len(side))
    for n in range(len(photos.names)):
        rest, asked = seen & (photos.photographer != n), seen & (photos.photographer == n)
        slope = _slope(side[rest], left[rest])
        score = slope * side[asked]
        mean = np.log(share * np.exp(score) + (1.0 - share) * np.exp(-score))
        values[asked] = (np.where(left[asked], score, -score) - mean) / LN2
    return {
        "pictures with road and vehicles": int(seen.sum()),
        "of them where traffic keeps left": int(left[seen].sum()),
        "area under the curve": {
            name: _area(side[seen & (photos.photographer == n)], left[seen & (photos.photographer == n)])
            for n, name in enumerate(photos.names)
        },
        "bits gained, where it speaks": interval(values, photos, seen),
    }


def _slope(side: np.ndarray, left: np.ndarray) -> float:
    """Logistic regression through the origin, so that mirrored pictures are mirrored; a unit normal on the slope."""
    sign = np.where(left, 1.0, -1.0)
    slopes = np.linspace(-10.0, 10.0, 2001)
    loss = np.log1p(np.exp(-2.0 * slopes[:, None] * side * sign)).sum(axis=1) + 0.5 * slopes**2
    return float(slopes[np.argmin(loss)])


def _area(score: np.ndarray, left: np.ndarray) -> list[float] | None:
    """Share of pairs in the right order, and number of pictures of each side."""
    one, other = score[left], score[~left]
    if not one.size or not other.size:
        return None
    right = (one[:, None] > other).mean() + 0.5 * (one[:, None] == other).mean()
    return [round(float(right), 3), int(one.size), int(other.size)]


def pictures(photos: Photos) -> Any:
    """Pixels of the photographs, one after another."""
    return (read_view(file, working_px=960).pixels for file in photos.files)


def animals(photos: Photos, models: Path, gate: float) -> dict[str, Any]:
    """How often a species is seen, how often it lives where the picture was taken, and the bits gained."""
    source = species.Species(species.Config(models=str(models), gate=gate))
    codes = regions(RegionLevel.COUNTRY).at(photos.lat_deg, photos.lon_deg)
    seen = known = right = 0
    bits = np.zeros(len(photos.files))
    for n, file in enumerate(photos.files):
        for sighting in source.look(read_view(file, working_px=960)):
            seen += 1
            if sighting.range is not None:
                known += 1
                right += str(codes[n]) in sighting.range.countries
                field = source._claim(sighting, 0).likelihood
                assert field is not None
                bits[n] += float(field.at(photos.lat_deg[n], photos.lon_deg[n])) / LN2
    return {
        "pictures": len(photos.files), "seen": seen,
        "with a range": known, "living there": int(right), "bits gained, mean": round(float(bits.mean()), 4),
    }  # fmt: skip


def milliseconds(action: Callable[[], object], repeats: int = 10) -> float:
    """Median processor time of an action after one run that does not count."""
    action()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        action()
        times.append((time.process_time() - started) * 1e3)
    return round(float(np.median(times)), 1)


def speed(photos: Photos, models: Path) -> dict[str, float]:
    """Processor time of each source on one picture, map and words included."""
    from whence.samples.view import Query

    query = Query((read_view(photos.files[0], working_px=960),))
    made: dict[str, EvidenceSource] = {
        "streetscene": streetscene.StreetScene(streetscene.Config(models=str(models))),
        "species": species.Species(species.Config(models=str(models))),
    }
    if (models / scenes365.TABLE).is_file():
        made["scenes365"] = scenes365.Scenes365(scenes365.Config(models=str(models)))
    return {name: milliseconds(lambda source=source: source.read(query)) for name, source in made.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--photographers", default=PHOTOGRAPHERS)
    parser.add_argument("--cache", type=Path, help="folder for the networks' outputs")
    parser.add_argument("--parts", default="scenery,traffic,species,speed")
    arguments = parser.parse_args()
    photos = fit_scenery.read_photos(arguments.photos, arguments.photographers)
    parts = {
        "scenery": lambda: scenery(photos, arguments.models, arguments.cache),
        "traffic": lambda: traffic(photos, arguments.models, arguments.cache),
        "species": lambda: animals(photos, arguments.models, species.Config().gate),
        "species without the gate": lambda: animals(photos, arguments.models, 0.0),
        "speed": lambda: speed(photos, arguments.models),
    }
    asked = arguments.parts.split(",")
    result = {name: part() for name, part in parts.items() if name.partition(" ")[0] in asked}
    print(json.dumps({"photographs": dict(zip(photos.names, map(int, np.bincount(photos.photographer)), strict=True)),
                      **result}, indent=1, ensure_ascii=False))  # fmt: skip


if __name__ == "__main__":
    main()
