"""Script and language of the text, and where signs are written so.

The lines are split into groups of one language each (a bilingual sign gives two). For each group the languages'
likelihoods come from `py3langid` (naive Bayes on byte n-grams, Lui & Baldwin 2011; scores divided by the square
root of the length, as the library does, because neighbouring n-grams repeat each other), from frequent words
and from letters that only some languages write. A place's likelihood is the mean over the languages of its signs:
official languages by speakers (Unicode CLDR), the others less, English and foreign languages a little everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.earth.countries import SAME_LANGUAGE, countries, country, language_name
from whence.earth.regions import RegionLevel, regions
from whence.evidence.text import lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, of_divisions, scaled
from whence.evidence.text.lines import TextLine, letters, script_counts, script_of

_IGNORED = frozenset({"eo", "la", "vo", "grc", "hbo", "zxx", "sa", "wuu", "yue", "ext", "uzs", "sdh", "st", "pcm"})
_SPOKEN = frozenset({"gsw", "bar", "nan", "hak", "wuu", "gan", "hsn", "yue"})  # spoken rather than written
_FOLDED = {"no": "nb", "nn": "nb", "tl": "fil", "srl": "sr"}
_SCRIPTS = {"Hans": "Hani", "Hant": "Hani", "Jpan": "Kana", "Kore": "Hang"}
_FLOOR_NATS = 12.0
_WORD = re.compile(r"[^\W\d_]+(?:['’·-][^\W\d_]+)*")
_CHINESE = ("zh-Hans", "zh-Hant")


@dataclass(frozen=True)
class LanguageGroup:
    """Lines of one language.

    Attributes:
        lines: their indices.
        text: the words that count, joined.
        log_likelihood: of each language, nats, the best one 0, none below −12.
        name_share: how likely the text is but names, which fit any language.
    """

    lines: tuple[int, ...]
    text: str
    log_likelihood: Mapping[str, float]
    name_share: float

    @property
    def best(self) -> str:
        """Most likely language, all equally expected."""
        return max(self.log_likelihood, key=lambda language: (self.log_likelihood[language], language))


@lru_cache(maxsize=1)
def _identifier() -> tuple[Any, tuple[str, ...]]:
    """The identifier and its languages under CLDR's codes; no state of the library is changed."""
    from py3langid.langid import LanguageIdentifier

    model = LanguageIdentifier.from_model_file("data/model.npz.xz")
    return model, tuple(_FOLDED.get(label, label) for label in model.labels)


@lru_cache(maxsize=1)
def _languages() -> tuple[str, ...]:
    """All languages that are told apart."""
    _, labels = _identifier()
    known = {share.language for entry in countries().values() for share in entry.languages}
    return tuple(sorted((set(labels) & known) - _IGNORED - {"zh"})) + _CHINESE


@lru_cache(maxsize=1)
def _scripts_of() -> Mapping[str, frozenset[str]]:
    """Scripts in which each language is written by some share of people."""
    found: dict[str, set[str]] = {}
    for entry in countries().values():
        for share in entry.languages:
            if share.share >= 0.005:
                found.setdefault(share.language, set()).add(_SCRIPTS.get(share.script, share.script))
    for language in _CHINESE:
        found[language] = {"Hani"}
    found.setdefault("ja", set()).update({"Kana", "Hani"})
    return {language: frozenset(scripts) for language, scripts in found.items()}


def languages_in(script: str) -> tuple[str, ...]:
    """Languages that are written in a script; all Latin ones if it is unknown."""
    return tuple(language for language in _languages() if script in _scripts_of().get(language, frozenset()))


def _raw_scores(text: str, candidates: Sequence[str]) -> Float[np.ndarray, " k"]:
    """Untempered scores of the identifier, nats."""
    model, _ = _identifier()
    best: dict[str, float] = {}
    for label, score in model.rank(text):
        language = _FOLDED.get(label, label)
        best[language] = max(best.get(language, -np.inf), float(score))
    low = min(best.values(), default=0.0)
    scores = [best.get("zh" if c in _CHINESE else c, low) for c in candidates]
    return np.maximum(np.asarray(scores, np.float64), -1e6)


def _is_international(word: str) -> bool:
    return word in lexicon.international()


def significant_words(text: str) -> list[str]:
    """Words of a text in lower case, international ones left out; whole text for scripts without blanks."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return [word for word in words if not _is_international(word)]


def _word_evidence(words: Iterable[str], candidates: Sequence[str], nats: float) -> Float[np.ndarray, " k"]:
    listed = lexicon.words()
    covered = lexicon.listed_languages()
    index = {language: n for n, language in enumerate(candidates)}
    aliases = {"nb": "nb", "fil": "tl"}
    total = np.zeros(len(candidates))
    for word in sorted(set(words)):
        spoken = listed.get(word)
        if not spoken:
            continue
        weight = nats * (0.3 if len(word) == 1 else 0.6 if len(word) == 2 else 1.0)
        for language, n in index.items():
            name = aliases.get(language, language)
            if name in spoken:
                total[n] += weight
            elif name not in covered:
                total[n] += 0.3 * weight  # a language without a list may have the word too
    return total


def _letter_evidence(text: str, candidates: Sequence[str], nats: float) -> Float[np.ndarray, " k"]:
    listed, covered = lexicon.letters(), lexicon.lettered_languages()
    total = np.zeros(len(candidates))
    for letter in sorted(set(text.casefold())):
        if letter not in listed:
            continue
        for n, language in enumerate(candidates):
            name = "tl" if language == "fil" else language
            if name in covered and name not in listed[letter]:
                total[n] -= nats
    return np.maximum(total, -4.0 * nats)


def _chinese_evidence(text: str, candidates: Sequence[str]) -> Float[np.ndarray, " k"]:
    simplified, traditional = lexicon.hanzi()
    lean = sum(c in simplified for c in set(text)) - sum(c in traditional for c in set(text))
    lean_nats = float(np.clip(lean, -4, 4)) * 1.2
    kana = script_counts(text)["Kana"] > 0
    out = np.zeros(len(candidates))
    for n, language in enumerate(candidates):
        if language in _CHINESE:
            out[n] = (0.5 if language == "zh-Hans" else -0.5) * lean_nats - (6.0 if kana else 0.0)
        elif language == "ja" and lean > 0:
            out[n] = -lean_nats
    return out


def log_likelihoods(text: str, candidates: Sequence[str], config: Config) -> Float[np.ndarray, " k"]:
    """How well each language explains a text, nats, the best 0, none below −12.

    Args:
        text: words of one language and script, joined.
        candidates: the languages to compare.
        config: constants of the error model.
    """
    length = max(len(text.encode()), 1)
    score = _raw_scores(text, candidates) / np.sqrt(length)
    words = _WORD.findall(text.casefold())
    score = score + np.minimum(_word_evidence(words, candidates, config.language_word_nats), 12.0)
    score = score + _letter_evidence(text, candidates, config.language_letter_nats)
    score = score + _chinese_evidence(text, candidates)
    return np.maximum(score - score.max(), -_FLOOR_NATS)


def share_of_names(text: str, config: Config) -> float:
    """How likely a text is but names, which fit any language: short ones without a frequent word above all."""
    words = _WORD.findall(text.casefold())
    share = config.language_name_share * float(np.exp(-letters(text) / 15.0))
    if any(word in lexicon.words() and len(word) > 1 for word in words):
        share *= 0.1
    return max(share, 1e-5)


def _split_by_language(texts: Sequence[str], candidates: Sequence[str], config: Config) -> list[list[int]]:
    """Group texts of one script by language: a further language must earn its place (see the config)."""
    scores = np.stack([_raw_scores(text, candidates) for text in texts])
    scores += np.stack(
        [3.0 * _word_evidence(_WORD.findall(t.casefold()), candidates, config.language_word_nats) for t in texts]
    )
    chosen = [int(np.argmax(scores.sum(axis=0)))]
    while len(chosen) < 3:
        best = scores[:, chosen].max(axis=1)
        gains = np.maximum(scores - best[:, None], 0.0).sum(axis=0)
        further = int(np.argmax(gains))
        if gains[further] < config.language_second_nats:
            break
        chosen.append(further)
    owner = np.argmax(scores[:, chosen], axis=1)
    return [np.flatnonzero(owner == n).tolist() for n in range(len(chosen)) if (owner == n).any()]


def extract(lines: Sequence[TextLine], config: Config) -> list[LanguageGroup]:
    """Find groups of lines of one language each.

    Args:
        lines: all lines of the query.
        config: constants of the error model.

    Returns:
        The groups with enough letters to tell something, the longest first.
    """
    by_script: dict[str, list[tuple[int, str]]] = {}
    for n, line in enumerate(lines):
        words = significant_words(line.text)
        text = " ".join(words)
        if letters(text) >= (3 if script_of(text) == "Latn" else 2):
            by_script.setdefault(_main_script(text), []).append((n, text))
    if 3 * sum(len(text) for _, text in by_script.get("Kana", [])) > sum(len(t) for _, t in by_script.get("Hani", [])):
        joined = by_script.get("Kana", []) + by_script.pop("Hani", [])  # lines of Chinese characters only
        by_script |= {"Kana": sorted(joined)} if joined else {}
    groups = []
    for script, items in sorted(by_script.items()):
        candidates = languages_in(script)
        if not candidates:
            continue
        for members in _split_by_language([text for _, text in items], candidates, config):
            text = " ".join(items[m][1] for m in members)[:2000]
            if letters(text) < (config.language_min_letters if script == "Latn" else 2):
                continue
            scores = log_likelihoods(text, candidates, config)
            table = {c: float(s) for c, s in zip(candidates, scores, strict=True)}
            owners = tuple(items[m][0] for m in members)
            groups.append(LanguageGroup(owners, text, table, share_of_names(text, config)))
    return sorted(groups, key=lambda group: (-letters(group.text), group.lines))


def _main_script(text: str) -> str:
    """Script of a line; any kana make it Japanese."""
    counts = script_counts(text)
    if counts["Kana"] and counts["Kana"] + counts["Hani"] >= 0.5 * sum(counts.values()):
        return "Kana"
    return script_of(text)


def _keyed(language: str, script: str) -> str:
    return (
        f"zh-{script}"
        if language == "zh" and script in {"Hans", "Hant"}
        else _FOLDED.get(language, SAME_LANGUAGE.get(language, language))
    )


def _with_english(mix: Mapping[str, float], config: Config) -> dict[str, float]:
    total = sum(mix.values()) or 1.0
    own = 1.0 - config.language_english_share - config.language_foreign_share
    out = {language: own * weight / total for language, weight in mix.items()}
    out["en"] = out.get("en", 0.0) + config.language_english_share
    return out


@lru_cache(maxsize=4)
def sign_languages(config: Config) -> Mapping[str, Mapping[str, float]]:
    """Share of each language on the signs of each country, without the foreign share.

    Weights are the square root of the share of speakers for official languages (what is official is written
    more than it is spoken), and the share itself, scaled down, for the others.
    """
    split: dict[str, set[str]] = {}
    for division, local in lexicon.divisions().items():
        split.setdefault(division[:2], set()).update(local)
    found = {}
    for code, entry in countries().items():
        mix: dict[str, float] = {}
        lead = entry.languages[0].language if entry.languages else ""
        for share in entry.languages:
            key = _keyed(share.language, share.script)
            if share.language in _SPOKEN:
                continue
            weight = np.sqrt(share.share) if share.official else share.share
            if not share.official:
                weight *= config.language_regional_weight if share.regional else config.language_unofficial_weight
            if code in split and share.language in split[code] and share.language not in {lead, "en"}:
                weight *= 0.1 if share.regional or code in {"CA", "FI", "BE", "CH"} else 1.0
            mix[key] = max(mix.get(key, 0.0), float(weight))
        if code in {"BE", "CH"}:
            mix = {"de": 0.9, "fr": 0.08, "it": 0.02} if code == "CH" else {"nl": 0.6, "fr": 0.4}
        found[code] = _with_english(mix or {"en": 1.0}, config)
    return found


@lru_cache(maxsize=4)
def _division_languages(config: Config) -> Mapping[str, Mapping[str, float]]:
    return {
        code: _with_english({("zh-Hans" if k == "zh" else k): w for k, w in mix.items()}, config)
        for code, mix in lexicon.divisions().items()
    }


@lru_cache(maxsize=4)
def world_languages(config: Config) -> Mapping[str, float]:
    """Share of each language on the signs of the world, countries weighted by people."""
    total: dict[str, float] = {}
    people = sum(c.population for c in countries().values())
    for code, mix in sign_languages(config).items():
        for language, share in mix.items():
            total[language] = total.get(language, 0.0) + share * country(code).population / people
    return total


def _rate(mix: Mapping[str, float], likelihood: Mapping[str, float], foreign: float) -> float:
    return sum(share * likelihood.get(language, 0.0) for language, share in mix.items()) + foreign


def is_secondary(group: LanguageGroup, groups: Sequence[LanguageGroup], lines: Sequence[TextLine]) -> bool:
    """Tell whether lines may be but a translation or brand names beside the language of the place.

    So are English lines beside another language, and lines in Latin letters where another script has more letters.
    """
    of_script: dict[str, int] = {}
    for i in {i for other in groups for i in other.lines}:
        of_script[lines[i].script] = of_script.get(lines[i].script, 0) + letters(lines[i].text)
    latin = of_script.pop("Latn", 0)
    of_script.pop("Zyyy", None)
    aside = latin < max(of_script.values(), default=0) and all(lines[i].script in {"Latn", "Zyyy"} for i in group.lines)
    return aside or (group.best == "en" and any(other.best != "en" for other in groups))


def likelihood(group: LanguageGroup, lines: Sequence[TextLine], config: Config, *, secondary: bool = False) -> Signal:
    """Where signs are written in the language of a group.

    Args:
        group: lines of one language.
        lines: all lines, as they were read.
        config: constants of the error model.
        secondary: whether the lines may be but a translation or brand names (`is_secondary`).
    """
    plain = {language: float(np.exp(score)) for language, score in group.log_likelihood.items()}
    names = group.name_share
    table = {language: (1.0 - names) * rate + names for language, rate in plain.items()}
    world = world_languages(config)
    foreign = config.language_foreign_share * _rate(world, table, 0.0)
    by_country = {code: _rate(mix, table, foreign) for code, mix in sign_languages(config).items()}
    by_division = {
        code: rate
        for code, mix in _division_languages(config).items()
        if abs(np.log((rate := _rate(mix, table, foreign)) / by_country[code[:2]])) > 0.2
    }
    average = _rate(world, table, foreign)
    field = of_divisions(by_country, by_division, average, config.language_bound_bits)
    if secondary:
        field = scaled(field, config.language_translation_power)
    weights = {language: plain[language] * share for language, share in world.items() if language in plain}
    return Signal(
        kind="language",
        read=_shown(group, lines),
        implies=_in_words(weights, by_country, by_division),
        error_model=(
            "Short texts fit several languages, signs in English and foreign ones stand everywhere: the text is "
            f"weighed against all languages of each country, at most {config.language_bound_bits:g} bits in all."
        ),
        likelihood=field,
        lines=group.lines,
    )


def _shown(group: LanguageGroup, lines: Sequence[TextLine]) -> str:
    text = " / ".join(lines[n].text for n in group.lines)
    return text if len(text) <= 200 else text[:199] + "…"


def _readable(language: str) -> str:
    named = {"zh-Hans": "simplified Chinese", "zh-Hant": "traditional Chinese"}
    return named.get(language) or language_name(language)


def _in_words(weights: Mapping[str, float], by_country: Mapping[str, float], by_division: Mapping[str, float]) -> str:
    total = sum(weights.values()) or 1.0
    ranked = sorted(weights, key=lambda language: (-weights[language], language))[:3]
    named = [f"{_readable(c)} ({weights[c] / total:.0%})" for c in ranked if weights[c] / total >= 0.08]
    languages = " or ".join(named) or _readable(ranked[0])
    return f"{languages}, on signs in {_places_in_words(by_country, by_division)}"


def _places_in_words(by_country: Mapping[str, float], by_division: Mapping[str, float]) -> str:
    """The countries, and divisions of others, that show such text most, the most people first."""
    least = 0.25 * max(*by_country.values(), *by_division.values(), 0.0)
    table = regions(RegionLevel.REGION)
    fitting = [(country(code).population, country(code).name) for code, r in by_country.items() if r >= least]
    for code, rate in by_division.items():
        if rate >= least > by_country[code[:2]] and code in table:
            home = country(code[:2])
            fitting.append((home.population // 10, f"{table.region(code).name} ({home.name})"))
    fitting.sort(key=lambda item: (-item[0], item[1]))
    names = [name for _, name in fitting]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def languages_of_lines(groups: Sequence[LanguageGroup]) -> dict[int, str]:
    """Best language of each line that belongs to a group."""
    return {n: group.best for group in groups for n in group.lines}
