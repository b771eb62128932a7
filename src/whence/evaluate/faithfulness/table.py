"""The summary of a study as rows of a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("test", "pictures", "figure", "value", "95 %")
"""Headings of `rows`."""

CLAIM_COLUMNS = ("claims", "against", "true", "false", "unknowable", "share true", "95 %")
"""Headings of `claim_rows`."""

_NONE = "–"


def rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Figures of the score, of the curves, of the interventions and of the shuffled weights.

    Args:
        summary: what `whence.evaluate.faithfulness.summary.to_json` made.
    """
    score = summary["score"]
    out: list[tuple[str, ...]] = [("ledger's score", str(score["measured"]), "mean", *_figure(score["mean"]))]
    for level, found in summary["curves"].items():
        if found["measured"]:
            count = str(found["measured"])
            out += [
                (f"deletion, {level}s", count, "better than random", *_figure(found["deletion_better"], share=True)),
                (f"deletion, {level}s", count, "area gained, bits", *_figure(found["deletion_bits"])),
                (f"deletion, {level}s", count, "area gained, variation", *_figure(found["deletion_variation"])),
                (f"insertion, {level}s", count, "better than random", *_figure(found["insertion_better"], share=True)),
            ]
    for kind, found in summary["interventions"].items():
        if found["made"]:
            exact = f"{found['exact']} of {found['made']}"
            out.append((f"intervention, {kind}", _NONE, "exact to 1e-6 bits", exact, _NONE))
            out.append(
                (f"intervention, {kind}", _NONE, "largest difference, bits", f"{found['largest_bits']:.1e}", _NONE)
            )
    for part, found in summary["randomisation"].items():
        figure = _figure(found["rank_correlation"])
        out.append((part, str(found["measured"]), "rank correlation", *figure))
    given = summary["claims"]["probabilities"]
    if given["measured"]:
        out.append(("concept claims", _NONE, "Brier score", _number(given["brier"]), _NONE))
        out.append(
            ("concept claims", _NONE, "Brier score of the base rate", _number(given["brier_of_base_rate"]), _NONE)
        )
        out.append(("concept claims", _NONE, "AUC", _number(given["auc"]), _NONE))
    return out


def claim_rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a kind of claim.

    Args:
        summary: as in `rows`.
    """
    found: Sequence[Mapping[str, Any]] = summary["claims"]["by_kind"]
    return [
        (
            f"{item['source']}: {item['kind']}",
            item["by"],
            str(item["true"]),
            str(item["false"]),
            str(item["unknowable"]),
            *_figure(item["share_true"], share=True),
        )
        for item in found
    ]


def _figure(found: Mapping[str, float | None], *, share: bool = False) -> tuple[str, str]:
    value, low, high = (_number(found[key], share=share) for key in ("value", "low", "high"))
    return value, _NONE if _NONE in (low, high) else f"{low} to {high}"


def _number(value: float | None, *, share: bool = False) -> str:
    if value is None:
        return _NONE
    return f"{100.0 * value:.0f} %" if share else f"{value:.3g}"
