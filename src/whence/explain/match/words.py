"""Claims as sentences, by templates from one catalogue a language; every sentence knows its claims.

A catalogue is a TOML file: ``language``, ``joiner`` (between sentences), ``[terms]`` (translations of names inside
values), ``[summary]`` and one table for each kind of claim with a template for each verdict. A template names values in
braces; where several are listed, the fullest one whose values the claim has is taken. Numbers are formatted once
(`whence.explain.match.amounts`), so that every language gives the same.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from whence.core.errors import ArtifactError, unknown_name
from whence.crossview.types import Match, MatchClaim
from whence.estimate.wording import one_line
from whence.explain.match.amounts import amount, compass, log_odds, probability
from whence.explain.match.types import Sentence

VERDICTS = ("agrees", "contradicts", "unclear")
"""What a claim may say."""

_FIELDS = string.Formatter()
_OTHER = "other"
_LONGEST_TEXT = 300
_NAMED_BY = {"ground cover": "cover", "lines": "direction"}
"""Kinds of which an explanation has many, and the value that tells them apart."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The templates of one language.

    Attributes:
        code: of the language, such as ``zh``.
        language: its own name for itself.
        joiner: what stands between two sentences.
        terms: translations of texts inside values, and of the names of values.
        summary: templates of the first sentence, ``match``, ``no_match`` and ``no_transform``, and of the last,
            ``undecided``, in which ``lines`` names those of a direction.
        claims: templates by kind and verdict.
    """

    code: str
    language: str
    joiner: str
    terms: Mapping[str, str]
    summary: Mapping[str, str]
    claims: Mapping[str, Mapping[str, tuple[str, ...]]]

    def term(self, text: str) -> str:
        """A text of a value in this language; itself if the catalogue has no word for it."""
        return self.terms.get(text, text)


def languages() -> tuple[str, ...]:
    """Codes of the languages that have a catalogue."""
    folder = files("whence.explain.match") / "catalogues"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


@lru_cache(maxsize=32)
def catalogue(code: str) -> Catalogue:
    """The catalogue of a language.

    Raises:
        OptionError: there is none.
    """
    if code not in languages():
        raise unknown_name("language of match explanations", code, languages())
    text = (files("whence.explain.match") / "catalogues" / f"{code}.toml").read_text(encoding="utf-8")
    return _parse(text, code, f"{code}.toml")


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue of the user's; its file name is the code of the language.

    Raises:
        ArtifactError: the file cannot be read or lacks a part.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"The catalogue {path} cannot be read ({error}). Give a TOML file in UTF-8.") from error
    return _parse(text, path.stem, str(path))


def _parse(text: str, code: str, name: str) -> Catalogue:
    try:
        raw = tomllib.loads(text)
        claims = {
            kind: MappingProxyType(
                {verdict: (said,) if isinstance(said, str) else tuple(said) for verdict, said in templates.items()}
            )
            for kind, templates in raw["claims"].items()
        }
        found = Catalogue(code, raw["language"], raw["joiner"], raw["terms"], raw["summary"], MappingProxyType(claims))
    except (tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise ArtifactError(
            f"The catalogue {name} is damaged ({error!r}). It needs language, joiner, [terms], [summary] and [claims]."
        ) from error
    lacking = [
        f"{kind}.{verdict}" for kind, said in found.claims.items() for verdict in VERDICTS if not said.get(verdict)
    ]
    if _OTHER not in found.claims or lacking:
        raise ArtifactError(f"The catalogue {name} lacks {', '.join(lacking) or 'claims.other'}: add these templates.")
    return found


def sentences(match: Match, claims: Iterable[MatchClaim], language: str | Catalogue = "en") -> tuple[Sentence, ...]:
    """Say a match and its claims.

    Args:
        match: for the first sentence.
        claims: in order; the first is ``c1``.
        language: code of a catalogue of the package, or a catalogue.

    Returns:
        The verdict on the whole, which cites the claims that carry it, then one sentence for each claim; tests of land
        cover and lines that decide nothing share the last one.
    """
    using = catalogue(language) if isinstance(language, str) else language
    listed = [(f"c{number}", claim) for number, claim in enumerate(claims, start=1)]
    undecided = [(ident, claim) for ident, claim in listed if claim.kind in _NAMED_BY and claim.verdict == "unclear"]
    told = [item for item in listed if item not in undecided]
    return (
        _summary(match, listed, using),
        *(Sentence(say(claim, using), (ident,)) for ident, claim in told),
        *_undecided(undecided, using),
    )


def _undecided(claims: list[tuple[str, MatchClaim]], using: Catalogue) -> tuple[Sentence, ...]:
    if not claims:
        return ()
    names = []
    for _, claim in claims:
        name = using.term(str(claim.values[_NAMED_BY[claim.kind]]))
        names.append(using.summary["lines"].format(direction=name) if claim.kind == "lines" else name)
    text = using.summary["undecided"].format(names=using.term(", ").join(names))
    return (Sentence(text, tuple(ident for ident, _ in claims)),)


def say(claim: MatchClaim, using: Catalogue) -> str:
    """One claim as a sentence; values that its template does not name are added at the end."""
    kind = claim.kind if claim.kind in using.claims else _OTHER
    filled = _filled(claim, using)
    known = [t for t in using.claims[kind][claim.verdict] if template_fields(t) <= set(filled)]
    if not known:
        known = list(using.claims[_OTHER][claim.verdict])
    template = max(known, key=lambda t: len(template_fields(t)))
    said = {name.removesuffix("_compass") for name in template_fields(template)}
    rest = [f"{using.term(name)} {filled[name]}" for name in claim.values if name not in said]
    more = using.term("; ").join(rest)
    text = template.format(**filled)
    return f"{text[:-1]}{using.term(' (')}{more}{using.term(')')}{text[-1]}" if more else text


def template_fields(template: str) -> set[str]:
    """Names of the values that a template shows."""
    return {name for _, name, _, _ in _FIELDS.parse(template) if name}


def formatted(claim: MatchClaim) -> dict[str, str]:
    """The values of a claim as every language shows them; texts as they are."""
    return {
        name: one_line(value, _LONGEST_TEXT) if isinstance(value, str) else amount(name, value)
        for name, value in claim.values.items()
    }


def _filled(claim: MatchClaim, using: Catalogue) -> dict[str, str]:
    out = {}
    for name, text in formatted(claim).items():
        value = claim.values[name]
        if isinstance(value, str):
            out[name] = using.term(", ").join(using.term(part) for part in text.split(", "))
        else:
            out[name] = text
            if name.endswith("_deg"):
                out[f"{name}_compass"] = using.term(compass(float(value)))
    out["kind"] = using.term(claim.kind)
    return out


def _summary(match: Match, claims: list[tuple[str, MatchClaim]], using: Catalogue) -> Sentence:
    case = "match" if match.accepted else "no_match" if match.registration.transform is not None else "no_transform"
    text = using.summary[case].format(
        probability=probability(match.probability),
        threshold=probability(match.threshold),
        before=log_odds(match.prior_log_odds),
    )
    carrying = tuple(ident for ident, claim in claims if (claim.log_odds > 0.0) == match.accepted and claim.log_odds)
    return Sentence(re.sub(r"\s+", " ", text).strip(), carrying)
