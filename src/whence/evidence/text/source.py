"""The evidence source ``text``: reads the pictures and the free text of a query, and says what it implies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from whence.evidence.text import (
    domains,
    joint,
    language,
    money,
    ocr,
    phones,
    plates,
    postcodes,
    roadsigns,
    streets,
    toponyms,
)
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, gain_bits
from whence.evidence.text.lines import TextLine, typed_lines, union_box
from whence.evidence.text.ocr import read_text
from whence.evidence.types import Claim, EvidenceSource
from whence.samples.view import Query


def find_signals(lines: Sequence[TextLine], config: Config) -> list[Signal]:
    """All cues in some lines with their likelihoods, in no particular order.

    Args:
        lines: the lines, at most ``config.max_lines`` of which are looked at.
        config: constants of the error models.
    """
    lines = tuple(lines)[: config.max_lines]
    if not lines:
        return []
    codes = postcodes.extract(lines, config)
    roads, streets_found = roadsigns.extract(lines, config), streets.extract(lines, config)
    names = _names(lines, config, codes, streets_found)
    plain = _without_names(lines, names, codes, roads, streets_found)
    groups = language.extract(plain, config)
    spoken = language.languages_of_lines(groups)
    signals = [
        language.likelihood(group, lines, config, secondary=language.is_secondary(group, groups, plain))
        for group in groups
    ]
    signals += [phones.likelihood(cue, config) for cue in phones.extract(lines, config)]
    signals += [domains.likelihood(cue, config) for cue in domains.extract(lines, config)]
    signals += [money.likelihood(cue, config) for cue in money.extract(lines, config)]
    signals += [postcodes.likelihood(cue, config) for cue in codes]
    signals += [plates.likelihood(cue, config) for cue in plates.extract(lines, config)]
    signals += [streets.likelihood(cue, spoken, config) for cue in streets_found]
    signals += [roadsigns.likelihood(cue, spoken, config) for cue in roads]
    signals += [toponyms.country_likelihood(cue, config) for cue in toponyms.extract_countries(lines)]
    return signals + [signal for _, signal in names]


def _names(
    lines: Sequence[TextLine],
    config: Config,
    codes: Sequence[postcodes.Postcode],
    named_streets: Sequence[streets.StreetWord],
) -> list[tuple[toponyms.Toponym, Signal]]:
    """Names least likely to be chance, as many as claims are allowed: each costs a map."""
    found = toponyms.extract(
        lines, config, skip=[code.town for code in codes if code.town], streets={s.line for s in named_streets}
    )
    people = [sum(match.place.population for match in cue.matches) for cue in found]
    rank = sorted(range(len(found)), key=lambda n: (found[n].chance / (people[n] + 1000.0), n))
    return [(found[n], toponyms.likelihood(found[n], config)) for n in rank[: config.max_claims]]


def _without_names(
    lines: Sequence[TextLine],
    names: Sequence[tuple[toponyms.Toponym, Signal]],
    codes: Sequence[postcodes.Postcode],
    roads: Sequence[roadsigns.RoadSign],
    named_streets: Sequence[streets.StreetWord],
) -> list[TextLine]:
    """The lines without what tells nothing of a language of its own, or would be counted twice.

    These are names of places that are more likely such than not, short road signs, street names, addresses.
    """
    texts = [domains.without_addresses(line.text) for line in lines]
    for name, signal in names:
        if gain_bits(signal) >= 1.0 or name.alone:
            texts[name.line] = texts[name.line].replace(name.text, " ")
    for code in codes:
        texts[code.line] = texts[code.line].replace(code.town, " ") if code.town else texts[code.line]
    short = [(cue.line, cue.text) for cue in roads] + [(cue.line, cue.text) for cue in named_streets]
    for line_number, text in short:
        if len(text.split()) <= 3:
            texts[line_number] = " "
    return [replace(line, text=text) for line, text in zip(lines, texts, strict=True)]


def claims_of(lines: Sequence[TextLine], config: Config) -> tuple[Claim, ...]:
    """Claims that follow from some lines, strongest first; their likelihoods add up to the text's.

    Args:
        lines: lines read in pictures and typed ones.
        config: constants of the error models.
    """
    signals = joint.strongest(find_signals(lines, config), config.max_claims, config.min_gain_bits)
    fields = joint.conditional(signals, config.alien_share)
    claims = []
    for signal, field in zip(signals, fields, strict=True):
        own = [lines[n] for n in signal.lines]
        view = own[0].view
        claims.append(
            Claim(
                kind=signal.kind,
                read=signal.read,
                implies=signal.implies,
                error_model=signal.error_model,
                likelihood=field,
                view=view,
                box=union_box(line.box for line in own if line.view == view),
            )
        )
    return tuple(claims)


@final
class Text(EvidenceSource):
    """Reads text and what it implies: language, places, phones, addresses, money, road signs."""

    NAME: ClassVar[str] = "text"
    SUMMARY: ClassVar[str] = "text in the picture: language, place names, phone numbers, addresses, prices, road signs"
    NEEDS: ClassVar[str] = "readable text; tesseract adds Cyrillic, Greek, Arabic, Thai, Korean and Indic scripts"
    ERROR_MODEL: ClassVar[str] = (
        "Each cue is mixed with its own share of readings that say nothing; over all of them lies one share "
        "(3 %) for text that belongs elsewhere altogether, so that agreeing cues of one sign are not independent."
    )

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()

    def read(self, query: Query) -> tuple[Claim, ...]:
        """Read all views and the free text of a query.

        Raises:
            MissingExtraError: the text reader is not installed.
            ArtifactError: its models are missing.
        """
        lines: list[TextLine] = []
        for number, view in enumerate(query.views):
            lines += [replace(line, view=number) for line in read_text(view, self.config)]
        if query.text:
            lines += typed_lines(query.text, self.config.max_lines)
        return claims_of(lines, self.config)

    def availability(self) -> str | None:
        """Return what is missing on this machine, ``None`` if nothing is."""
        return ocr.missing()
