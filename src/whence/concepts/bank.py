"""The concept bank: what there is to be seen in a place, as data in TOML, read strictly."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from jaxtyping import Float

from whence.concepts.grounding import Grounding, parse_grounding
from whence.core.arrays import Numbers
from whence.core.errors import OptionError, unknown_name
from whence.earth.layers import layers

BANK_SCHEMA = 1
"""Version of the format that this code reads."""

_ID = "letters a-z, digits and underscores: group/name"


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that can be true of a place.

    Attributes:
        id: ``group/name``, for example ``climate/hot_desert``.
        names: name by language (``en``, ``de``, …), lower case but for proper names.
        prompts: short English descriptions of a picture, for text encoders.
        grounding: where it holds; ``None`` if no layer says.
    """

    id: str
    names: Mapping[str, str] = field(hash=False)
    prompts: tuple[str, ...]
    grounding: Grounding | None = None

    @property
    def group(self) -> str:
        """The part of the id before the stroke."""
        return self.id.partition("/")[0]

    def name(self, language: str = "en") -> str:
        """Name in a language, English if it has none in that one."""
        return self.names.get(language, self.names["en"])


@final
class ConceptBank:
    """Concepts in a fixed order. Load with `bank` or `load_bank`.

    Args:
        concepts: in order.
        groups: names of the groups by language, by group.
        languages: in which every name is given.

    Raises:
        OptionError: no concepts, or two of one id.
    """

    def __init__(
        self, concepts: Iterable[Concept], groups: Mapping[str, Mapping[str, str]], languages: tuple[str, ...]
    ) -> None:
        self.concepts = tuple(concepts)
        self.languages = languages
        self._position = {concept.id: i for i, concept in enumerate(self.concepts)}
        self._groups = MappingProxyType({group: groups[group] for group in groups})
        if len(self._position) != len(self.concepts) or not self.concepts:
            raise OptionError(
                f"A bank holds one concept or more, of different ids; received {[c.id for c in self.concepts]}."
            )

    def __len__(self) -> int:
        return len(self.concepts)

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __contains__(self, concept_id: object) -> bool:
        return concept_id in self._position

    def __getitem__(self, concept_id: str) -> Concept:
        """Concept of an id; `OptionError` with the nearest if there is none."""
        return self.concepts[self.index(concept_id)]

    def index(self, concept_id: str) -> int:
        """Position of a concept.

        Raises:
            OptionError: there is none of this id; the nearest is named.
        """
        if concept_id not in self._position:
            raise unknown_name("concept", concept_id, self._position)
        return self._position[concept_id]

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids in order."""
        return tuple(concept.id for concept in self.concepts)

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups in order."""
        return tuple(self._groups)

    def group_name(self, group: str, language: str = "en") -> str:
        """Name of a group in a language.

        Raises:
            OptionError: there is no such group; the nearest is named.
        """
        if group not in self._groups:
            raise unknown_name("group of concepts", group, self._groups)
        return self._groups[group].get(language, self._groups[group]["en"])

    def in_group(self, group: str) -> tuple[Concept, ...]:
        """Concepts of a group, in order.

        Raises:
            OptionError: there is no such group; the nearest is named.
        """
        self.group_name(group)
        return tuple(concept for concept in self.concepts if concept.group == group)

    @property
    def grounded(self) -> tuple[Concept, ...]:
        """Concepts with a grounding, in order."""
        return tuple(concept for concept in self.concepts if concept.grounding is not None)

    def subset(self, ids: Iterable[str]) -> ConceptBank:
        """Return a bank of some concepts, in the order given.

        Raises:
            OptionError: an id that is not there, or twice.
        """
        chosen = [self[concept_id] for concept_id in ids]
        used = {concept.group for concept in chosen}
        groups = {group: names for group, names in self._groups.items() if group in used}
        return ConceptBank(chosen, groups, self.languages)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the content in order, hexadecimal: models keep it to know their concepts again."""
        content = [
            [c.id, dict(sorted(c.names.items())), c.prompts, c.grounding and c.grounding.describe()]
            for c in self.concepts
        ]
        text = json.dumps([BANK_SCHEMA, content], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def truths(self, lat_deg: Numbers, lon_deg: Numbers) -> Float[np.ndarray, "*shape k"]:
        """Truth of all ``k`` concepts at points, 0..1; NaN for unknown and for concepts without a grounding.

        Each layer is read once, so this is much faster than asking the concepts one by one.

        Returns:
            An array of the points' shape with one more axis, over the concepts in order.

        Raises:
            CoordinateError: a latitude or longitude that is none.
        """
        names = frozenset().union(*(c.grounding.layer_names for c in self.concepts if c.grounding is not None))
        values = layers().values_of(sorted(names), lat_deg, lon_deg)
        shape = np.broadcast_shapes(np.shape(lat_deg), np.shape(lon_deg))
        unknown = np.full(shape, np.nan)
        rows = [unknown if c.grounding is None else c.grounding.evaluate(values.__getitem__) for c in self.concepts]
        return np.moveaxis(np.stack(rows), 0, -1)


# ------------------------------------------------------------------------------------------------ reading


def parse_bank(text: str, source: str = "the bank") -> ConceptBank:
    """Read a bank from TOML.

    Args:
        text: the content; ``docs/concepts.md`` has the format.
        source: what to call it in messages.

    Raises:
        OptionError: broken TOML, another schema, an unknown key or group (the nearest is named), a missing name,
            empty, repeated or shared prompts and names, a grounding that is none.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{source} is no valid TOML: {error}. A key may stand only once.") from error
    _only(content, ("schema", "languages", "groups", "concepts"), source)
    if content.get("schema") != BANK_SCHEMA:
        raise OptionError(f"{source} is of schema {content.get('schema')!r}, this version reads {BANK_SCHEMA}.")
    languages = tuple(_texts(content.get("languages"), f"{source}: languages"))
    if "en" not in languages:
        raise OptionError(f"{source}: languages must hold 'en', received {list(languages)}.")
    groups = {
        group: _names(names, languages, f"{source}: groups.{group}")
        for group, names in _table(content.get("groups"), f"{source}: groups").items()
    }
    concepts = [
        _concept(key, entry, groups, languages, f"{source}: {key}")
        for key, entry in _table(content.get("concepts"), f"{source}: concepts").items()
    ]
    _all_different(concepts, languages, source)
    return ConceptBank(concepts, groups, languages)


def load_bank(path: Path | str) -> ConceptBank:
    """Read a bank from a file.

    Raises:
        OptionError: the file cannot be read, or see `parse_bank`.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"The concept bank {path} cannot be read ({error}). Give a TOML file in UTF-8.") from error
    return parse_bank(text, str(path))


@lru_cache(maxsize=1)
def bank() -> ConceptBank:
    """Return the shipped bank (read once)."""
    return parse_bank((files("whence.concepts") / "bank.toml").read_text(encoding="utf-8"), "bank.toml")


def _only(content: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in content:
        if key not in allowed:
            raise unknown_name(f"key of {where}", key, allowed)


def _table(content: object, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping) or not content:
        raise OptionError(f"{where}: expected a table with entries, received {content!r}.")
    return content


def _texts(content: object, where: str) -> list[str]:
    """A list of different texts that are not empty."""
    texts = content if isinstance(content, list) else []
    plain = [text for text in texts if isinstance(text, str) and text.strip() and text == text.strip()]
    if not texts or len(plain) != len(texts) or len(set(plain)) != len(plain):
        raise OptionError(f"{where}: expected a list of different texts, none empty, received {content!r}.")
    return plain


def _names(content: object, languages: tuple[str, ...], where: str) -> Mapping[str, str]:
    names = _table(content, where)
    _only(names, languages, where)
    for language in languages:
        if not isinstance(names.get(language), str) or not names[language].strip():
            raise OptionError(f"{where}: the name in {language!r} is missing, received {dict(names)!r}.")
    return MappingProxyType({language: str(names[language]) for language in languages})


def _concept(
    key: str, content: object, groups: Mapping[str, object], languages: tuple[str, ...], where: str
) -> Concept:
    group, stroke, name = key.partition("/")
    if not stroke or not name.isidentifier() or not name.isascii() or name != name.lower():
        raise OptionError(f"{where}: the id {key!r} is none; allowed are {_ID}.")
    if group not in groups:
        raise unknown_name(f"group in {where}", group, groups)
    entry = _table(content, where)
    _only(entry, ("names", "prompts", "grounding"), where)
    grounding = parse_grounding(entry["grounding"], f"{where}.grounding") if "grounding" in entry else None
    prompts = tuple(_texts(entry.get("prompts"), f"{where}.prompts"))
    return Concept(key, _names(entry.get("names"), languages, f"{where}.names"), prompts, grounding)


def _all_different(concepts: list[Concept], languages: tuple[str, ...], source: str) -> None:
    """Refuse a name or a prompt that two concepts share: no reader or encoder could tell them apart."""
    owners: dict[tuple[str, str], str] = {}
    for concept in concepts:
        told = [(language, concept.names[language].casefold()) for language in languages]
        for key in (*told, *(("prompt", prompt.casefold()) for prompt in concept.prompts)):
            if key in owners:
                raise OptionError(f"{source}: {owners[key]} and {concept.id} share the {key[0]} text {key[1]!r}.")
            owners[key] = concept.id
