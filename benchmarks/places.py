"""Speed and accuracy of the Earth's tables: ``python benchmarks/places.py [--points 20000] [--shared ../shared]``.

Prints one JSON object. Points are uniform on land (by area) with a fixed seed; ``populated`` ones are drawn from
the population table instead. The outlines, `timezonefinder` and, where the shared data is there, Natural Earth's
admin-1 names (2012, simplified) are the references.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def clock(action: Callable[[], Any], repeat: int = 1) -> tuple[float, Any]:
    """Milliseconds a call takes (mean of ``repeat``), and its last result."""
    began = time.perf_counter()
    for _ in range(repeat):
        result = action()
    return 1000.0 * (time.perf_counter() - began) / repeat, result


def load_times() -> dict[str, float]:
    """Milliseconds of each first use."""
    from whence.earth.countries import countries
    from whence.earth.outlines import outlines
    from whence.earth.places import gazetteer
    from whence.earth.regions import regions
    from whence.earth.tables import population_field

    return {
        "countries": clock(countries)[0],
        "gazetteer": clock(gazetteer)[0],
        "first nearest place": clock(lambda: gazetteer().nearest(52.5, 13.4))[0],
        "first name": clock(lambda: gazetteer().named("Berlin"))[0],
        "first misread name": clock(lambda: gazetteer().named("Berlxin", fuzzy=True))[0],
        "regions": clock(lambda: regions("country"))[0],
        "first country field": clock(lambda: regions("country").log_field({"DE": 1.0}, 0.0))[0],
        "outlines": clock(outlines)[0],
        "population": clock(population_field)[0],
    }


def call_times(lat: np.ndarray, lon: np.ndarray) -> dict[str, float]:
    """Microseconds a call, when warm."""
    from whence.earth.outlines import outlines
    from whence.earth.places import gazetteer, reverse
    from whence.earth.regions import regions
    from whence.earth.tables import population_field

    places, country, division = gazetteer(), regions("country"), regions("region")
    people = population_field()
    some = range(0, 2000, 10)
    country.at(lat, lon)
    places.nearest_indices(lat[:10], lon[:10])
    outlines().indices_at(lat, lon)
    for i in some:
        reverse(lat[i], lon[i])
    fresh = [people.scale(1.0 + 1e-9 * i).normalise() for i in range(10)]
    return {
        "nearest place": 1000 * clock(lambda: [places.nearest(lat[i], lon[i]) for i in some])[0] / len(some),
        "nearest place, of many": 1000 * clock(lambda: places.nearest_indices(lat, lon))[0] / lat.size,
        "name": 1000 * clock(lambda: places.named("Springfield"), 100)[0],
        "name known?": 1000 * clock(lambda: places.has_name("Springfield"), 1000)[0],
        "misread name": 1000 * clock(lambda: places.named("Stutgart", fuzzy=True), 20)[0],
        "reverse": 1000 * clock(lambda: [reverse(lat[i], lon[i]) for i in some])[0] / len(some),
        "country at, of many": 1000 * clock(lambda: country.at(lat, lon))[0] / lat.size,
        "outline at, of many": 1000 * clock(lambda: outlines().indices_at(lat, lon))[0] / lat.size,
        "country field": 1000 * clock(lambda: country.log_field({"DE": 1.0}, 0.0), 50)[0],
        "division field": 1000 * clock(lambda: division.log_field({"US.NV": 1.0}, 0.0), 50)[0],
        "marginals by country": 100 * clock(lambda: [country.marginalise(f) for f in fresh])[0],
        "marginals by division after it": 100 * clock(lambda: [division.marginalise(f) for f in fresh])[0],
    }


def draw(points: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points on land: uniform by area, and where people live."""
    from whence.earth.outlines import outlines
    from whence.earth.tables import population_field

    rng = np.random.default_rng(seed)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 5 * points))), rng.uniform(-180, 180, 5 * points)
    land = np.flatnonzero(outlines().indices_at(lat, lon) >= 0)[:points]
    town_lat, town_lon = population_field().draw(points * 2, rng)
    dry = np.flatnonzero(outlines().indices_at(town_lat, town_lon) >= 0)[:points]
    return {"by area": (lat[land], lon[land]), "populated": (town_lat[dry], town_lon[dry])}


def accuracy(lat: np.ndarray, lon: np.ndarray, shared: Path) -> dict[str, Any]:
    """Share of points at which the tables say the same as the references."""
    from datetime import UTC, datetime

    from whence.earth.outlines import outlines
    from whence.earth.regions import regions
    from whence.earth.timezones import offsets, zone_at

    shapes, country, zones = outlines(), regions("country"), regions("timezone")
    exact = np.asarray([*shapes.codes, ""])[shapes.indices_at(lat, lon)]
    cells = np.asarray([*country.codes, ""])[country.cell_indices_at(lat, lon)]
    found = zones.at(lat, lon)
    reference = [zone_at(x, y) for x, y in zip(lat, lon, strict=True)]
    now = [offsets(datetime(2025, month, 1, 12, tzinfo=UTC)) for month in (1, 7)]
    both = [i for i, zone in enumerate(reference) if zone in now[0] and found[i] in now[0]]
    same = [all(table[reference[i]] == table[found[i]] for table in now) for i in both]
    result: dict[str, Any] = {
        "points": int(lat.size),
        "country of cell = outline": float((cells == exact).mean()),
        "country of point = outline": float((country.at(lat, lon) == exact).mean()),
        "zone = timezonefinder": float(np.mean(found == np.asarray(reference))),
        "zone shows the same time, January and July 2025": float(np.mean(same)),
    }
    admin = shared / "data" / "earth" / "admin1.geojson"
    if admin.exists():
        result["division = admin-1 name, by folded words"] = division_agreement(admin, lat[:4000], lon[:4000])
    return result


def division_agreement(path: Path, lat: np.ndarray, lon: np.ndarray) -> float:
    """Share of points whose division has the name of the admin-1 polygon there, where names are comparable."""
    import shapely

    from whence.earth.names import normalise_name
    from whence.earth.regions import regions

    features = json.loads(path.read_text("utf-8"))["features"]
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    names = [normalise_name(feature["properties"]["name"] or "") for feature in features]
    table = regions("region")
    known = {normalise_name(table.region(code).name) for code in table.codes}
    which, polygon = shapely.STRtree(shapes).query(shapely.points(lon, lat), predicate="within")
    ours = [normalise_name(table.region(code).name) if code else "" for code in table.at(lat[which], lon[which])]
    pairs = [(mine, names[p]) for mine, p in zip(ours, polygon, strict=True) if names[p] in known]
    return float(np.mean([mine == other for mine, other in pairs]))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("WHENCE_SHARED", "../shared")))
    arguments = parser.parse_args()
    loads = load_times()
    sets = draw(arguments.points, arguments.seed)
    result = {
        "first use, ms": loads,
        "when warm, µs": call_times(*sets["populated"]),
        "accuracy": {name: accuracy(*points, arguments.shared) for name, points in sets.items()},
    }
    print(json.dumps(result, indent=1, ensure_ascii=False, default=lambda x: round(float(x), 4)))


if __name__ == "__main__":
    main()
