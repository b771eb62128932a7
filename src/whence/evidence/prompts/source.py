"""The evidence source `Prompts`: a bundle of prompts, a picture, and which countries and cities it looks like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float

from whence.concepts.bank import bank
from whence.core.errors import ArtifactError, OptionError
from whence.earth.countries import countries
from whence.earth.places import Place, gazetteer
from whence.earth.regions import RegionLevel, regions
from whence.evidence.bundle_source import BundleSource
from whence.evidence.prompts.fields import CityCells, Part, city_parts, country_parts, division_parts
from whence.evidence.prompts.model import LabelKind, PromptModel
from whence.evidence.types import Claim
from whence.samples.view import Query

_NAMED_OTHERS = 3


@dataclass(frozen=True)
class Config:
    """Which model, how much it is believed, and how its answer is told."""

    model: str = ""
    "Bundle of kind prompts, by name or folder; empty for none."
    temperature: float = 1.0
    "Scores of prompts are divided by it, beyond the model's own temperature: above 1 means trusted less."
    wrong_share: float = 0.1
    "Share of pictures of which the prompts say nothing; no country loses more than this factor."
    place_wrong_share: float = 0.3
    "The same for divisions and cities within their country."
    places: bool = True
    "Whether prompts of divisions and cities tell places of one country apart."
    city_km: float = 60.0
    "Width of the bell around each city, km (one sigma)."
    top_countries: int = 3
    "How many countries make claims of their own; the others make one together."
    top_places: int = 2
    "How many divisions, and how many cities, make claims of their own."
    top_concepts: int = 5
    "How many concepts are told; they move nothing."

    def __post_init__(self) -> None:
        for name in ("wrong_share", "place_wrong_share"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise OptionError(f"prompts.{name} lies between 0 and 1, received {getattr(self, name)}.")
        if not (math.isfinite(self.temperature) and self.temperature > 0.0):
            raise OptionError(f"prompts.temperature is a number above 0, received {self.temperature}.")
        if not 10.0 <= self.city_km <= 500.0:
            raise OptionError(f"prompts.city_km lies within 10..500, received {self.city_km}.")
        for name in ("top_countries", "top_places", "top_concepts"):
            if not 0 <= getattr(self, name) <= 50:
                raise OptionError(f"prompts.{name} lies within 0..50, received {getattr(self, name)}.")


@final
class Prompts(BundleSource[PromptModel]):
    """Pictures against texts that name places, by a model that was not trained for it here."""

    NAME: ClassVar[str] = "prompts"
    SUMMARY: ClassVar[str] = "which countries and cities the picture looks like, by a model of pictures and texts"
    NEEDS: ClassVar[str] = "a bundle of kind prompts (prompts.model) and a picture of a kind that it reads"
    ERROR_MODEL: ClassVar[str] = (
        "10 % of pictures are taken to say nothing of their country, 30 % nothing of where in it. Scores are not "
        "calibrated unless the bundle's card says so."
    )
    TIME_LIMIT_S: ClassVar[float] = 120.0
    NO_MODEL: ClassVar[str] = (
        "no model is chosen: --model NAME_OR_FOLDER takes a bundle of kind prompts; 'whence models' lists those found "
        "here, 'whence models get' makes some"
    )

    def __init__(self, config: Config | None = None) -> None:
        """Load the model, if one is chosen.

        Raises:
            OptionError: no such bundle, or a setting out of range.
            ArtifactError: the bundle is damaged, of another kind, or names places that are not known here.
        """
        self.config = config or Config()
        self._model: PromptModel | None = None
        if self.config.model:
            self._model = PromptModel.load(self.config.model)
            _check_codes(self._model)

    def read_views(self, model: PromptModel, query: Query, numbers: Sequence[int]) -> tuple[Claim, ...]:
        """Claims of the strongest countries, divisions and cities of each view, of the others, and of concepts."""
        scores = model.scores(model.embed_views([query.views[i] for i in numbers])) / self.config.temperature
        claims: list[Claim] = []
        for row, number in zip(scores, numbers, strict=True):
            claims += self._claims(model, row, number)
        return tuple(claims)

    def _claims(self, model: PromptModel, scores: Float[np.ndarray, " p"], number: int) -> list[Claim]:
        config, named = self.config, {kind: _by_code(model, scores, kind) for kind in LabelKind}
        countries_of = {code: code[:2] for code in named[LabelKind.DIVISION]}
        claims = self._tell(
            "country", country_parts(named[LabelKind.COUNTRY], config.wrong_share, config.top_countries), number
        )
        if config.places:
            wrong, most = config.place_wrong_share, config.top_places
            claims += self._tell(
                "division", division_parts(named[LabelKind.DIVISION], countries_of, wrong, most), number
            )
            if self._cities:
                country_of = {code: place.country for code, place in self._cities.items()}
                known = {code: named[LabelKind.CITY][code] for code in self._cities}
                parts = city_parts(known, country_of, self._city_cells, tuple(self._cities), wrong, most)
                claims += self._tell("city", parts, number)
        return claims + self._concepts(named[LabelKind.CONCEPT], number)

    @cached_property
    def _cities(self) -> dict[str, Place]:
        """Cities of the prompts by code, those that the gazetteer of this version has."""
        assert self._model is not None
        places = gazetteer()
        order = np.argsort(places.ids, kind="stable")
        found = {}
        for row in self._model.rows(LabelKind.CITY).tolist():
            code = self._model.labels[row].code
            at = int(np.searchsorted(places.ids, int(code), sorter=order))
            if at < len(places) and int(places.ids[order[at]]) == int(code):
                found[code] = places.place(int(order[at]))
        return found

    @cached_property
    def _city_cells(self) -> CityCells:
        return CityCells.of(tuple(self._cities.values()), self.config.city_km)

    def _tell(self, kind: str, parts: Sequence[Part], number: int) -> list[Claim]:
        """Claims of the parts of one likelihood; the last is that of all others."""
        claims = []
        within = "" if kind == "country" else " than elsewhere in its country"
        wrong = self.config.wrong_share if kind == "country" else self.config.place_wrong_share
        for place, part in enumerate(parts):
            others = place == len(parts) - 1
            named = [self._name(kind, code) for code in part.codes[: _NAMED_OTHERS if others else 1]]
            told = [f"{name} {share:.0%}" for name, share in zip(named, part.shares, strict=False)]
            more = len(part.codes) - len(told)
            claims.append(
                Claim(
                    kind=f"looks like other {_PLURAL[kind]}" if others else f"looks like a {kind}",
                    read=(", ".join(told) + (f" and {more} more" if more else ""))
                    or f"no other {kind} was asked about",
                    implies=f"what is left of the {kind} prompts" if others else f"likelier in {named[0]}{within}",
                    error_model=f"{wrong:.0%} of pictures are taken to say nothing of their {kind}; the percentage is "
                    f"the model's share among {_PLURAL[kind]}, not calibrated.",
                    likelihood=part.field,
                    view=number,
                )
            )
        return claims

    def _concepts(self, scores: Mapping[str, float], number: int) -> list[Claim]:
        """The strongest concepts as one remark: countries have spoken for what they say of places."""
        if not scores or not self.config.top_concepts:
            return []
        ranked = sorted(scores, key=lambda code: (-scores[code], code))[: self.config.top_concepts]
        names = [bank()[code].name() if code in bank() else code for code in ranked]
        return [
            Claim(
                kind="looks like concepts",
                read=", ".join(names),
                implies="nothing of its own: the same picture has spoken through the countries",
                view=number,
            )
        ]

    def _name(self, kind: str, code: str) -> str:
        if kind == "country":
            return countries()[code].name
        if kind == "division":
            return f"{regions(RegionLevel.REGION).region(code).name}, {countries()[code[:2]].name}"
        return f"{self._cities[code].name}, {countries()[self._cities[code].country].name}"


_PLURAL = {"country": "countries", "division": "divisions", "city": "cities"}


def _by_code(model: PromptModel, scores: Float[np.ndarray, " p"], kind: LabelKind) -> dict[str, float]:
    """Scores by code; several prompts of one thing count with their mean."""
    found: dict[str, list[float]] = {}
    for row in model.rows(kind).tolist():
        found.setdefault(model.labels[row].code, []).append(float(scores[row]))
    return {code: sum(values) / len(values) for code, values in found.items()}


def _check_codes(model: PromptModel) -> None:
    """Refuse countries and divisions that are not known, and cities whose code is no number."""
    known = {LabelKind.COUNTRY: frozenset(regions(RegionLevel.COUNTRY).codes)}
    known[LabelKind.DIVISION] = frozenset(regions(RegionLevel.REGION).codes)
    wrong = [
        f"{label.kind.value} {label.code}"
        for label in model.labels
        if label.code not in known.get(label.kind, (label.code,))
        or (label.kind is LabelKind.CITY and not label.code.isdecimal())
    ]
    if wrong:
        raise ArtifactError(
            f"The bundle {model.bundle.folder} has prompts of places that are not in the tables of this version: "
            f"{', '.join(wrong[:5])}. Make it again with 'whence models get', or install the version it was made with."
        )
