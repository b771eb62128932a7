"""Names of places that a person typed into the file: XMP and IPTC country, region, city, and keywords.

The levels are read together: a city counts within the country and region typed beside it. The likelihood of a
view's names is one mixture, because they were typed as one: most pictures lie around the finest place that could be
found, some elsewhere in its region or country, and a share is simply wrong (old tags, the photographer's home).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, final

import numpy as np

from whence.core.errors import OptionError
from whence.earth.coordinates import distance_km
from whence.earth.countries import country, find_country
from whence.earth.field import Field
from whence.earth.names import normalise_name
from whence.earth.places import Place, gazetteer
from whence.earth.regions import RegionLevel, regions
from whence.evidence.text import areas, joint
from whence.evidence.text.likelihood import Signal, kernels, log_mean, mixed, of_countries
from whence.evidence.text.toponyms import is_common
from whence.evidence.types import Claim, EvidenceSource
from whence.samples.view import Query, View

_NOWHERE = float(np.log(1e-12))
_LARGE_CITY = 100_000
_MAX_KEYWORDS = 4
_NEARBY_KM = 100.0
_AROUND_SHARE = 0.02  # rate at which a place's name is typed for its wider surroundings, against within it


@dataclass(frozen=True)
class Config:
    """Error model of names that people typed; shares are probabilities."""

    wrong_share: float = 0.04
    "Share of typed places that are wrong: old tags, the photographer's home, another trip."
    finest_share: float = 0.8
    "Share of right ones that lie around the finest place found, rather than elsewhere in its region or country."
    keyword_wrong_share: float = 0.3
    "Share of keywords naming a country or large city that say nothing of where the picture was taken."
    alien_share: float = 0.02
    "Share of files all of whose names and keywords belong to other pictures."


@dataclass(frozen=True)
class TypedPlace:
    """What the names of one view stand for.

    Attributes:
        text: the names as typed, the finest first.
        countries: ISO2 codes, empty if no country was typed or known.
        divisions: codes of first-level divisions.
        places: places of the finest name that could be found, largest first.
        finest: the name that they were found by.
    """

    text: str
    countries: tuple[str, ...]
    divisions: tuple[str, ...]
    places: tuple[Place, ...]
    finest: str


@lru_cache(maxsize=1)
def _divisions_by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    table = regions(RegionLevel.REGION)
    for code in table.codes:
        for name in {normalise_name(table.region(code).name), normalise_name(code.partition(".")[2])}:
            if name and not name.isdigit():
                found.setdefault(name, []).append(code)
    return {name: tuple(codes) for name, codes in found.items()}


def _country_code(text: str) -> str | None:
    try:
        return find_country(text).code
    except OptionError:
        return None


def _divisions(text: str, countries: Sequence[str]) -> tuple[str, ...]:
    """Divisions of a name; abbreviations (``NV``) only within a known country."""
    codes = _divisions_by_name().get(normalise_name(text), ())
    if countries:
        return tuple(code for code in codes if code[:2] in countries)
    return codes if len(text) > 3 else ()


def _places(text: str, countries: Sequence[str], divisions: Sequence[str]) -> tuple[Place, ...]:
    """Places of a name within what is known; a region that no such place lies in is set aside."""
    found = [match.place for match in gazetteer().named(text)]
    if countries:
        found = [place for place in found if place.country in countries]
    inside = [place for place in found if place.division in divisions]
    return tuple((inside or found)[:40])


def resolve(view: View) -> TypedPlace | None:
    """Find what the place names in a view's metadata stand for, ``None`` if nothing could be found."""
    by_level: dict[str, list[str]] = {}
    for tag in view.metadata.place_names:
        if tag.value.text.strip():
            by_level.setdefault(tag.value.level, []).append(tag.value.text.strip())
    named = [code for text in by_level.get("country", []) if (code := _country_code(text))]
    loose = by_level.get("any", [])
    if not named:
        named = [code for text in loose if (code := _country_code(text))]
    countries = tuple(dict.fromkeys(named))
    divisions = tuple(d for text in by_level.get("region", []) for d in _divisions(text, countries))
    places: tuple[Place, ...] = ()
    finest = ""
    for text in [*by_level.get("city", []), *loose]:
        if not places and _country_code(text) not in countries:
            places, finest = _places(text, countries, divisions), text
    for text in by_level.get("sublocation", []):
        inner = _near(_places(text, countries, divisions), places) if countries or places else ()
        if inner:
            places, finest = inner, text
            break
    if not (countries or divisions or places):
        return None
    order = ("sublocation", "city", "any", "region", "country")
    text = ", ".join(dict.fromkeys(t for level in order for t in by_level.get(level, [])))
    return TypedPlace(text, countries, divisions, places, finest if places else "")


def _near(inner: tuple[Place, ...], city: tuple[Place, ...]) -> tuple[Place, ...]:
    """Those places that lie near one of a city's candidates; all if no city is known."""
    if not city:
        return inner
    lat, lon = [p.lat_deg for p in city], [p.lon_deg for p in city]
    return tuple(p for p in inner if float(distance_km(p.lat_deg, p.lon_deg, lat, lon).min()) <= _NEARBY_KM)


def likelihood(typed: TypedPlace, config: Config) -> Signal:
    """Around the finest place mostly, else in its region or country."""
    layers: list[tuple[float, Field]] = []
    countries = typed.countries or tuple(sorted({code[:2] for code in typed.divisions}))
    countries = countries or tuple(sorted({place.country for place in typed.places}))
    layers.append((1.0, of_countries(dict.fromkeys(countries, 1.0), 1e-9)))
    if typed.divisions:
        values = dict.fromkeys(typed.divisions, 0.0)
        layers.append((4.0, mixed(areas.log_field(RegionLevel.REGION, values, _NOWHERE), 1e-9)))
    if typed.places:
        fame = [(max(place.population, 500) / 1e4) ** 0.5 for place in typed.places]
        near = kernels(typed.places, fame, _AROUND_SHARE)
        near = Field(near.partition, near.values - log_mean(near, typed.places))
        coarser = sum(weight for weight, _ in layers)
        layers.append((coarser * config.finest_share / (1.0 - config.finest_share), near))
    field = _mixture(layers)
    names = ", ".join(country(code).name for code in countries[:3]) + (", …" if len(countries) > 3 else "")
    first = f"around {typed.places[0].name}" if typed.places else "somewhere in the region" if typed.divisions else "in"
    others = len(typed.places) - 1
    return Signal(
        kind="place name in the file",
        read=typed.text,
        implies=f"{first}, {names}" + (f", or one of {others} other places of that name" if others > 0 else ""),
        error_model=(
            f"Typed by people: {config.wrong_share:.0%} are wrong and say nothing; {1 - config.finest_share:.0%} of "
            "the others lie elsewhere in the region or country."
        ),
        likelihood=mixed(field, config.wrong_share, extra=typed.places),
        lines=(),
    )


def _mixture(layers: Sequence[tuple[float, Field]]) -> Field:
    """Weighted mean of likelihoods, each of mean 1 over people."""
    partition = layers[0][1].partition
    for _, field in layers[1:]:
        partition = partition.union(field.partition)
    total = sum(weight for weight, _ in layers)
    rate = np.full(len(partition), 1e-12)
    for weight, field in layers:
        rate += weight / total * np.exp(np.minimum(field.on(partition).values, 40.0))
    return Field(partition, np.log(rate))


def _keyword_signals(view: View, config: Config) -> list[Signal]:
    """Keywords that are names of countries or large cities."""
    signals: list[Signal] = []
    seen: set[str] = set()
    for tag in view.metadata.keywords[:200]:
        text = tag.value.strip()
        key = normalise_name(text)
        if len(key) < 4 or key in seen or is_common(text) or len(signals) >= _MAX_KEYWORDS:
            continue
        seen.add(key)
        code = _country_code(text)
        places = [m.place for m in gazetteer().named(text) if m.place.population >= _LARGE_CITY][:20]
        if code is not None:
            field = of_countries({code: 1.0}, config.keyword_wrong_share)
            implies = f"names {country(code).name}"
        elif places:
            fame = [(place.population / 1e4) ** 0.5 for place in places]
            field = mixed(kernels(places, fame, 0.5), config.keyword_wrong_share)
            implies = f"names {places[0].name}, {country(places[0].country).name}"
        else:
            continue
        model = f"{config.keyword_wrong_share:.0%} of such keywords say nothing of where the picture was taken."
        signals.append(Signal("keyword", text, implies, model, field, ()))
    return signals


@final
class Names(EvidenceSource):
    """Place names and keywords that people typed into the file."""

    NAME: ClassVar[str] = "names"
    SUMMARY: ClassVar[str] = "country, region, city and keywords typed into XMP or IPTC"
    NEEDS: ClassVar[str] = "a file with place names or keywords in its metadata"
    ERROR_MODEL: ClassVar[str] = (
        "4 % of typed places and 30 % of keywords say nothing; a fifth of the rest lies elsewhere in the region or "
        "country; names typed together are one piece of evidence."
    )

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        for name in ("wrong_share", "finest_share", "keyword_wrong_share", "alien_share"):
            if not 0.0 < getattr(self.config, name) < 1.0:
                raise OptionError(f"names.{name} must lie between 0 and 1, received {getattr(self.config, name)}.")

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim for the names of each view, and one for each telling keyword."""
        signals: list[tuple[int, Signal]] = []
        for number, view in enumerate(query.views):
            typed = resolve(view)
            if typed is not None:
                signals.append((number, likelihood(typed, self.config)))
            elif view.metadata.keywords:
                signals += [(number, signal) for signal in _keyword_signals(view, self.config)]
        fields = joint.conditional([signal for _, signal in signals], self.config.alien_share)
        return tuple(
            Claim(s.kind, s.read, s.implies, s.error_model, field, view=number)
            for (number, s), field in zip(signals, fields, strict=True)
        )
