"""What benchmarks report of answers, each as it is defined where it was published.

Where a published score needs a language model as its judge, only what can be computed is here, and the description
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.errors import InputError
from whence.evaluate.metrics import geoscore

SCORES: Mapping[str, str] = MappingProxyType(
    {
        "distance_recall": "share of errors within each threshold",
        "median_km": "median error",
        "mean_km": "mean error",
        "geoscore": "mean of 5000 · exp(−km / 1492.7)",
        "admin_accuracy": "share of answers in the right country, region, sub-region and city, of those with a name",
        "name_scores": "accuracy, macro recall and macro F1 of city, country and continent",
        "coordinate_score": "mean of exp(−(km / 0.1)^1.3)",
        "path_score": "share of levels that are right from the coarsest down to what is asked for; judged in print by "
        "a language model, here by equal names",
        "choice_accuracy": "share of questions whose right option of four holds the most belief",
        "chain_accuracy": "share of right answers to each of 21 questions; those that a point answers are computed",
        "reasoning": "agreement of the written reasoning with references; needs a language model and is not computed",
    }
)
"""What each score is, by name."""

PATH_SCALE_KM, PATH_POWER = 0.1, 1.3
EQUATOR_DEG, POLE_DEG = 10.0, 66.5
"""Below and above these latitudes GeoChain calls a place near the Equator, near a pole."""


def distance_recall(
    errors: Float[np.ndarray, " n"], thresholds_km: Float[np.ndarray, " k"], *, strict: bool = False
) -> Float[np.ndarray, " k"]:
    """Share of errors within each threshold, 0..1.

    Args:
        errors: km, infinite for missing answers; one at least.
        thresholds_km: distances.
        strict: an error that equals the threshold is outside.

    Raises:
        InputError: there are no errors.
    """
    _check_some(errors.size)
    gaps = errors[:, None] - thresholds_km[None, :]
    return np.mean(gaps < 0.0 if strict else gaps <= 0.0, axis=0)


def coordinate_score(errors: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Points of each answer, 0..1: ``exp(−(km / 0.1)^1.3)`` (EarthWhere: Qian et al. 2025, arXiv:2510.10880)."""
    return np.exp(-((errors / PATH_SCALE_KM) ** PATH_POWER))


def name_accuracy(answers: Sequence[str | None], truths: Sequence[str | None]) -> float:
    """Share of equal names among the truths that have one; NaN if none has.

    OSV-5M looks up the town nearest to an answer and compares its country, region, sub-region and city with those of
    the picture, of which pictures without a name are left out (Astruc et al. 2024, arXiv:2404.18873).

    Raises:
        InputError: there are not as many answers as truths.
    """
    pairs = [(answer, truth) for answer, truth in _paired(answers, truths) if truth]
    return sum(answer == truth for answer, truth in pairs) / len(pairs) if pairs else float("nan")


def name_scores(answers: Sequence[str], truths: Sequence[str]) -> Mapping[str, float]:
    """Accuracy, macro recall and macro F1 of names, over all names that were true or answered (GeoComp).

    A name that was never true has recall 0, one with neither hits has F1 0, as scikit-learn counts them with
    ``zero_division=0``.

    Raises:
        InputError: there are not as many answers as truths, or none.
    """
    _check_some(len(truths))
    pairs = _paired(answers, truths)
    names = sorted({*answers, *truths})
    hits = {name: sum(answer == truth == name for answer, truth in pairs) for name in names}
    recalls = [hits[name] / max(1, sum(truth == name for truth in truths)) for name in names]
    f1 = [2 * hits[name] / sum((answer == name) + (truth == name) for answer, truth in pairs) for name in names]
    return MappingProxyType(
        {"accuracy": sum(hits.values()) / len(pairs), "recall": float(np.mean(recalls)), "f1": float(np.mean(f1))}
    )


def path_score(answer: Sequence[str | None], truth: Sequence[str]) -> float:
    """Share of the levels of a place that are named right before the first that is wrong, 0..1 (EarthWhere).

    A level that is left out counts as right if a finer one is; names are compared without regard to case.

    Args:
        answer: names from coarse to fine, ``None`` or empty where one is left out; shorter than the truth if it ends
            before.
        truth: names from the coarsest that is not told beforehand to the finest that is asked for.

    Raises:
        InputError: the truth has no levels.
    """
    _check_some(len(truth))
    named = [(answer[i] or "").strip().casefold() if i < len(answer) else "" for i in range(len(truth))]
    right = [name == level.strip().casefold() for name, level in zip(named, truth, strict=True)]
    matched = 0
    for i in range(len(truth)):
        implied = not named[i] and any(right[i + 1 :])
        if not (right[i] or implied):
            break
        matched += 1
    return matched / len(truth)


def choice_accuracy(masses: Float[np.ndarray, "n options"], right: Int[np.ndarray, " n"]) -> float:
    """Share of questions whose right option holds the most belief; options that tie share the point.

    Args:
        masses: belief in each option, such as the mass of the posterior in a country.
        right: column of the right option.

    Raises:
        InputError: there are no questions.
    """
    _check_some(len(masses))
    best: Bool[np.ndarray, "n options"] = masses == masses.max(axis=1, keepdims=True)
    return float(np.mean(best[np.arange(len(masses)), right] / best.sum(axis=1)))


def chain_of_latitude(lat_deg: float) -> Mapping[str, bool]:
    """The questions of GeoChain that a latitude answers: near the Equator, near a pole, in the northern half."""
    return MappingProxyType(
        {
            "near_equator": abs(lat_deg) < EQUATOR_DEG,
            "near_pole": abs(lat_deg) > POLE_DEG,
            "northern_hemisphere": lat_deg > 0.0,
        }
    )


def _mean(values: Float[np.ndarray, " n"]) -> float:
    return float(np.mean(values))


ON_ERRORS: Mapping[str, Callable[[Float[np.ndarray, " n"]], float]] = MappingProxyType(
    {
        "median_km": lambda errors: float(np.median(errors)),
        "mean_km": _mean,
        "geoscore": lambda errors: _mean(geoscore(errors)),
        "coordinate_score": lambda errors: _mean(coordinate_score(errors)),
    }
)
"""The scores that are one number of the errors."""


def _check_some(count: int) -> None:
    if count == 0:
        raise InputError("There is nothing to score: give one answer at least.")


def _paired(answers: Sequence[str | None], truths: Sequence[str | None]) -> list[tuple[str | None, str | None]]:
    if len(answers) != len(truths):
        raise InputError(f"Each truth needs an answer: received {len(answers)} for {len(truths)} truths.")
    return list(zip(answers, truths, strict=True))
