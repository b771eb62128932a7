"""What zero-shot models are asked: prompts of countries, of divisions of large countries, of cities, of concepts."""

from __future__ import annotations

from collections import Counter

import numpy as np

from whence.concepts.bank import bank
from whence.earth.countries import countries
from whence.earth.places import gazetteer
from whence.earth.regions import RegionLevel, regions
from whence.encode.published import Published
from whence.evidence.prompts.model import Label, LabelKind

_LARGE_KM2 = 2_000_000.0
_LARGE_PEOPLE = 10_000_000
_CITY_PEOPLE = 1_000_000


def prompt_labels(model: Published) -> tuple[Label, ...]:
    """Return what a model is asked, in order.

    All countries; the first-level divisions of countries of more than 2 million km² and 10 million people; cities of
    a million people; all prompts of the concept bank. Places are written city, division, country, from fine to
    coarse, as StreetCLIP's training captions have it (Haas et al. 2023, section 3).
    """
    labels = [Label(LabelKind.COUNTRY, code, _place(model, item.name)) for code, item in countries().items()]
    table = regions(RegionLevel.REGION)
    for code in table.codes:
        item = countries().get(code[:2])
        if item is not None and item.area_km2 > _LARGE_KM2 and item.population > _LARGE_PEOPLE and "." in code:
            labels.append(Label(LabelKind.DIVISION, code, _place(model, f"{table.region(code).name}, {item.name}")))
    labels = _told_apart(labels)
    places = gazetteer()
    for row in np.flatnonzero(places.populations >= _CITY_PEOPLE).tolist():
        city = places.place(row)
        parts = dict.fromkeys((city.name, city.division_name, countries()[city.country].name))
        text = _place(model, ", ".join(part for part in parts if part))
        labels.append(Label(LabelKind.CITY, str(city.id), text))
    for concept in bank():
        labels += [Label(LabelKind.CONCEPT, concept.id, _written(model, prompt)) for prompt in concept.prompts]
    return tuple(labels)


def _told_apart(labels: list[Label]) -> list[Label]:
    """Leave out divisions that share their name with another of the country: no text tells them apart."""
    count = Counter(label.prompt for label in labels)
    return [label for label in labels if label.kind is LabelKind.COUNTRY or count[label.prompt] == 1]


def _place(model: Published, name: str) -> str:
    return _written(model, model.template.format(place=name))


def _written(model: Published, text: str) -> str:
    """Lower case without punctuation where a model was trained on such texts (SigLIP's, as its authors clean them)."""
    if not model.lower:
        return text
    kept = "".join(letter for letter in text.lower() if letter.isalnum() or letter in " -'")
    return " ".join(kept.split())
