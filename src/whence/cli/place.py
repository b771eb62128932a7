"""``whence place`` and ``whence places``: what is at a point, and which points a name may stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, final

import click

from whence.cli.output import write_facts, write_json, write_table

if TYPE_CHECKING:
    from whence.earth.countries import Country
    from whence.earth.places import NearPlace, Place, PointPlace

_NEAREST = 5
_TOWN = 100_000
_POINT_EXAMPLES = """\b
Examples:
  whence place 48.8584 2.2945
  whence place -33.86 151.21 --json
  whence place "geo:48.8584,2.2945"
"""
_NAME_EXAMPLES = """\b
Examples:
  whence places Springfield --top 50
  whence places München --country DE --json
"""


@final
class NumbersCommand(click.Command):
    """A command whose arguments may be negative numbers, without ``--`` before them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write a leading minus before a digit as U+2212, which is no option and which coordinates allow."""
        return super().parse_args(ctx, [re.sub(r"^-(?=\.?\d)", "\u2212", arg) for arg in args])


@click.command(cls=NumbersCommand, short_help="Tell what is at a point.", epilog=_POINT_EXAMPLES)
@click.argument("point", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def place(point: tuple[str, ...], as_json: bool) -> None:
    """Tell what is at a point: country, division, nearest places, time zone, facts on the country.

    POINT is a latitude and a longitude in degrees, or any text that holds them: degrees, minutes and
    seconds, a geo: URI, the address of a web map.
    """
    from whence.core.errors import CoordinateError
    from whence.earth.parsing import parse_point
    from whence.earth.places import gazetteer, reverse

    text = " ".join(part.strip() for part in point)
    try:
        where = parse_point(text)
    except CoordinateError as error:
        if re.search(r"\d", text):
            raise
        raise CoordinateError(f"{error} To look up a name, use: whence places {text!r}") from error
    found = reverse(where.lat_deg, where.lon_deg)
    code = found.country.code if found.country else None
    near = gazetteer().nearest(where.lat_deg, where.lon_deg, k=_NEAREST)
    town = gazetteer().nearest(where.lat_deg, where.lon_deg, min_population=_TOWN, country=code)
    if as_json:
        write_json(_point_values(found, near))
    else:
        write_facts(_point_facts(found, near, town[0] if town else None))


@click.command(short_help="List the places that a name may stand for.", epilog=_NAME_EXAMPLES)
@click.argument("name")
@click.option("--country", metavar="CODE|NAME", help="Only places of this country.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="How many to list.")
@click.option("--exact", is_flag=True, help="No similar names when none is the same.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def places(name: str, country: str | None, top: int, exact: bool, as_json: bool) -> None:
    """List the places that NAME may stand for, the largest first.

    NAME may be in any language. Ambiguous names stay ambiguous: every Springfield is listed.
    """
    from whence.core.errors import InputError
    from whence.earth.countries import countries, find_country
    from whence.earth.places import gazetteer

    code = find_country(country).code if country else None
    found = gazetteer().named(name, fuzzy=not exact, country=code)
    if not found:
        where = f" in {countries()[code].name}" if code else ""
        raise InputError(f"No place named {name!r} is known{where}. Check the spelling, or try its local name.")
    shown = found[:top]
    if as_json:
        listed = [{**_place_values(match.place), "score": round(match.score, 4)} for match in shown]
        write_json({"name": name, "count": len(found), "places": listed})
        return
    rows = []
    for match in shown:
        item = match.place
        near = countries().get(item.country)
        rows.append(
            (
                item.name + ("" if match.score == 1.0 else "  (similar)"),
                item.division_name,
                near.name if near else item.country,
                f"{item.population:,}" if item.population else "",
                f"{item.lat_deg:.4f}, {item.lon_deg:.4f}",
            )
        )
    rest = f", the largest {top} of them here (--top shows more)" if len(found) > top else ""
    write_table(
        ("place", "division", "country", "people", "latitude, longitude"),
        rows,
        title=f"{len(found)} place{'s' if len(found) > 1 else ''}{rest}",
    )


def _place_values(place: Place) -> dict[str, object]:
    return {
        "geonames_id": place.id,
        "name": place.name,
        "lat_deg": round(place.lat_deg, 6),
        "lon_deg": round(place.lon_deg, 6),
        "country": place.country,
        "division": {"code": place.division, "name": place.division_name},
        "population": place.population,
        "timezone": place.timezone,
    }


def _country_values(country: Country) -> dict[str, object]:
    return {
        "code": country.code,
        "iso3": country.iso3,
        "name": country.name,
        "local_names": list(country.local_names),
        "continent": country.continent,
        "languages": [
            {"code": item.language, "script": item.script, "share": round(item.share, 4), "official": item.official}
            for item in country.languages
        ],
        "currencies": list(country.currencies),
        "currency_symbols": list(country.currency_symbols),
        "calling_codes": list(country.calling_codes),
        "tlds": list(country.tlds),
        "driving_side": country.driving_side,
        "road_unit": country.road_unit,
        "population": country.population,
        "area_km2": country.area_km2,
    }


def _point_values(found: PointPlace, near: tuple[NearPlace, ...]) -> dict[str, object]:
    return {
        "lat_deg": round(found.lat_deg, 6),
        "lon_deg": round(found.lon_deg, 6),
        "country": _country_values(found.country) if found.country else None,
        "division": {"code": found.division.code, "name": found.division.name} if found.division else None,
        "places": [{**_place_values(item.place), "distance_km": round(item.distance_km, 3)} for item in near],
        "timezone": found.timezone,
        "sea": found.sea,
    }


def _point_facts(found: PointPlace, near: tuple[NearPlace, ...], town: NearPlace | None) -> list[tuple[str, str]]:
    facts = [
        ("Point", f"{found.lat_deg:.6f}, {found.lon_deg:.6f}"),
        ("Country", _country_text(found)),
        ("Division", f"{found.division.name} ({found.division.code})" if found.division else ""),
        ("Nearest places", "; ".join(map(_near_text, near))),
        ("Nearest city", _near_text(town) if town and town not in near else ""),
        ("Time zone", found.timezone),
    ]
    return facts + (_country_facts(found.country) if found.country else [])


def _country_text(found: PointPlace) -> str:
    if found.country is None:
        return "none, at sea"
    near = ", by its coast" if found.sea else ""
    return f"{found.country.name} ({found.country.code}){near}"


def _near_text(near: NearPlace) -> str:
    away = f"{near.distance_km:.1f}" if near.distance_km < 10 else f"{near.distance_km:,.0f}"
    return f"{near.place.name} ({away} km)"


def _country_facts(country: Country) -> list[tuple[str, str]]:
    from whence.earth.countries import language_name

    spoken = [
        f"{language_name(item.language)} {item.share:.0%}{' (official)' if item.official else ''}"
        for item in country.languages
        if item.official or item.share >= 0.05
    ]
    symbols = [
        code if code == symbol else f"{code} ({symbol})"
        for code, symbol in zip(country.currencies, country.currency_symbols, strict=False)
    ]
    return [
        ("Languages", ", ".join(dict.fromkeys(spoken))),
        ("Currency", ", ".join(symbols or country.currencies)),
        ("Calling code", ", ".join(f"+{code}" for code in country.calling_codes)),
        ("Domains", ", ".join(f".{tld}" for tld in country.tlds)),
        ("Roads", f"drive on the {country.driving_side}, signs in {'miles' if country.road_unit == 'mi' else 'km'}"),
        ("People", f"{country.population:,}" if country.population else ""),
        ("Area", f"{country.area_km2:,.0f} km²" if country.area_km2 else ""),
    ]
