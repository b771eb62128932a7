"""The curves of a report: distance recall, Recall versus Area, reliability, risk versus coverage, bits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError
from whence.earth.grid import EARTH_AREA_KM2
from whence.estimate import wording
from whence.evaluate.belief_metrics import BeliefTable
from whence.evaluate.curve_metrics import risk_coverage
from whence.evaluate.evaluation import Evaluation, PictureScores
from whence.evaluate.metrics import THRESHOLDS_KM, Interval, Scores, recall_by_area
from whence.evaluate.report.charts import Axis, Chart, Series

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Credible levels of which the table behind the reliability diagram tells."""

KEPT = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Shares of pictures, the surest first, of which the table behind the risk–coverage curve tells."""

_SHARES = tuple((i / 4.0, f"{25 * i} %") for i in range(5))
_SHARE_AXIS = Axis("share", 0.0, 1.0, _SHARES)
_RISKS_KM = (200, 2500)


def charts(found: Evaluation) -> tuple[Chart, ...]:
    """All charts of an evaluation: those of beliefs only where beliefs were kept.

    Raises:
        InputError: the evaluation holds no pictures.
    """
    pictures = pictures_of(found)
    drawn = [recall_chart(pictures.errors_km, found.scores, found.comparison.other if found.comparison else None)]
    beliefs = pictures.beliefs
    if beliefs is not None and not np.isnan(beliefs.area_km2).all():
        drawn += [area_chart(beliefs), reliability_chart(beliefs, found.figures), bits_chart(beliefs.bits)]
        drawn.append(risk_chart(pictures.errors_km, beliefs.p50_km, pictures.set_aside))
    return tuple(drawn)


def pictures_of(found: Evaluation) -> PictureScores:
    """What came of each picture.

    Raises:
        InputError: the evaluation holds only figures.
    """
    if found.pictures is None:
        raise InputError("The evaluation holds figures alone, no pictures: make it with whence.evaluate.evaluation.")
    return found.pictures


def recall_chart(errors_km: Float[np.ndarray, " n"], scores: Scores, other: Scores | None = None) -> Chart:
    """Share of answers within each distance of the truth."""
    errors = np.sort(errors_km)
    found = errors[np.isfinite(errors)]
    rising = Series(
        "this system",
        "a",
        np.r_[1.0, np.maximum(found, 1.0), 20100.0],
        np.r_[0.0, np.arange(1, found.size + 1), found.size] / errors.size,
        stepped=True,
    )
    at = np.array(THRESHOLDS_KM, float)
    series = [rising, _whiskered("", "a", at, scores)]
    if other is not None:
        series.append(_whiskered("the other system", "b", at, other))
    heads = ("Within", "this system", "interval", *(("the other", "its interval") if other else ()))
    rows = []
    for km in THRESHOLDS_KM:
        cells = [wording.distance(float(km))]
        for item in (scores, other) if other else (scores,):
            cells += interval_cells(item.metrics[f"within_{km}_km"])
        rows.append(tuple(cells))
    return Chart(
        "recall",
        "Distance recall",
        "Share of pictures whose answer lies within a distance of the truth. Pictures without an answer never do. "
        "Whiskers are the intervals at the usual distances.",
        Axis("error, km", 1.0, 20100.0, _km_ticks(), log=True),
        _SHARE_AXIS,
        tuple(series),
        heads,
        tuple(rows),
    )


def area_chart(beliefs: BeliefTable) -> Chart:
    """Share of pictures whose truth is found within each searched area, beside the prior's."""
    decades = tuple(10.0**i for i in range(9))
    at = np.array([*decades, EARTH_AREA_KM2])
    series, columns = [], []
    for name, kind, values in (
        ("this system", "a", beliefs.area_km2),
        ("the prior alone", "b", beliefs.prior_area_km2),
    ):
        areas = np.sort(np.where(np.isnan(values), EARTH_AREA_KM2, values))
        shares = np.arange(1, areas.size + 1) / areas.size
        series.append(
            Series(
                name,
                kind,
                np.r_[1.0, np.maximum(areas, 1.0), EARTH_AREA_KM2],
                np.r_[0.0, shares, 1.0],
                stepped=True,
            )
        )
        columns.append(recall_by_area(areas, at))
    rows = zip((*(wording.area(km2) for km2 in decades), "the Earth"), *map(_percents, columns), strict=True)
    labels = ((1.0, "1"), (1e2, "100"), (1e4, "10⁴"), (1e6, "10⁶"), (1e8, "10⁸"))
    minor = ((10.0**i, "") for i in (1, 3, 5, 7))
    return Chart(
        "area",
        "Recall versus Area",
        "Share of pictures whose true place is found when the likeliest places are searched first, up to an area. "
        "Further up and to the left is better; a system that knows nothing follows the prior.",
        Axis("area searched, km²", 1.0, EARTH_AREA_KM2, (*labels, *minor), log=True),
        _SHARE_AXIS,
        tuple(series),
        ("Area", "this system", "the prior alone"),
        tuple(rows),
    )


def reliability_chart(beliefs: BeliefTable, figures: Mapping[str, Interval]) -> Chart:
    """Share of truths inside the credible region of each level, with intervals at 50 % and 90 %."""
    levels = np.sort(beliefs.level[~np.isnan(beliefs.level)])
    at = np.array(LEVELS)
    inside = np.searchsorted(levels, at, side="left") / max(levels.size, 1)
    line = Series(
        "this system",
        "a",
        np.r_[0.0, levels, 1.0],
        np.r_[0.0, np.arange(1, levels.size + 1) / max(levels.size, 1), 1.0],
        stepped=True,
    )
    known = [figures[name] for name in ("coverage_50", "coverage_90") if name in figures]
    ends = Series(
        "",
        "a",
        np.array([0.5, 0.9][: len(known)]),
        np.array([item.value for item in known]),
        dotted=True,
        lined=False,
        low=np.array([item.low for item in known]),
        high=np.array([item.high for item in known]),
    )
    ideal = Series("as it should be", "c", np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    return Chart(
        "reliability",
        "Reliability",
        "A credible region of 90 % should hold the truth of nine pictures in ten. Below the dashed line the system is "
        "too sure of itself, above it too careful. Dots are the regions of 50 % and 90 % as they were found, in "
        "whole cells, with their intervals.",
        Axis("level of the credible region", 0.0, 1.0, _SHARES),
        _SHARE_AXIS,
        (line, ends, ideal),
        ("Level", "hold the truth"),
        tuple(zip(_percents(at), _percents(inside), strict=True)),
    )


def bits_chart(bits: Float[np.ndarray, " n"]) -> Chart:
    """Bits gained over the prior at the truth, picture by picture from the worst to the best."""
    bits = np.sort(bits[~np.isnan(bits)])
    low = max(float(np.floor(np.min(bits, initial=0.0))) - 1.0, -20.0)
    high = min(float(np.ceil(np.max(bits, initial=0.0))) + 1.0, 40.0)
    step = next(size for size in (1, 2, 5, 10, 20) if (high - low) / size <= 8)
    ticks = tuple((float(v), f"{v:+d}".replace("-", "−") if v else "0") for v in _multiples(low, high, step))
    shares = (np.arange(bits.size) + 0.5) / max(bits.size, 1)
    at = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    told = np.quantile(bits, at, method="inverted_cdf") if bits.size else np.full(at.size, np.nan)
    return Chart(
        "bits",
        "Bits over the prior",
        "How much likelier the belief holds the true place than the prior does, in bits, from the worst picture to "
        "the best. Pictures below the dashed line were better left to the prior.",
        Axis("share of pictures", 0.0, 1.0, _SHARES),
        Axis("bits", low, high, ticks),
        (
            Series("this system", "a", shares, np.clip(bits, low, high)),
            Series("nothing gained", "c", np.array([0.0, 1.0]), np.zeros(2)),
        ),
        ("Quantile of pictures", "bits"),
        tuple((f"{100 * q:.0f} %", wording.bits(float(v))) for q, v in zip(at, told, strict=True)),
    )


def risk_chart(
    errors_km: Float[np.ndarray, " n"], p50_km: Float[np.ndarray, " n"], set_aside: Bool[np.ndarray, " n"]
) -> Chart:
    """Share of errors among the surest pictures, by how many of them are kept.

    Args:
        errors_km: infinite without an answer.
        p50_km: what sureness is measured by, the smaller the surer.
        set_aside: abstentions and missing answers.
    """
    kept = ~set_aside
    series, columns = [], []
    for kind, km in zip("ab", _RISKS_KM, strict=True):
        wrong = (errors_km > km).astype(np.float64)
        shares, risk = risk_coverage(wrong, -np.where(np.isnan(p50_km), np.inf, p50_km))
        own = float(wrong[kept].mean()) if kept.any() else float("nan")
        series.append(Series(f"off by more than {km:,} km", kind, shares, risk))
        series.append(Series("", kind, np.array([float(kept.mean())]), np.array([own]), dotted=True, lined=False))
        rows = [risk[max(int(np.ceil(share * errors_km.size)) - 1, 0)] for share in KEPT]
        columns.append((*_percents(np.array(rows)), _percents(np.array([own]))[0] if kept.any() else "–"))
    heads = (*_percents(np.array(KEPT)), f"{100.0 * float(kept.mean()):.0f} %, all without an abstention")
    return Chart(
        "risk",
        "Risk versus coverage",
        "Share of wrong answers when only the surest pictures are kept: those whose belief is the narrowest. A system "
        "that knows when it knows rises from left to right. The dots are what it kept by abstaining itself.",
        Axis("share of pictures kept", 0.0, 1.0, _SHARES),
        _SHARE_AXIS,
        tuple(series),
        ("Kept", *(f"over {km:,} km" for km in _RISKS_KM)),
        tuple(zip(heads, *columns, strict=True)),
    )


def interval_cells(figure: Interval) -> tuple[str, str]:
    """A share and its interval as percentages."""
    value = f"{100.0 * figure.value:.1f} %"
    return value, "–" if np.isnan(figure.low) else f"{100.0 * figure.low:.1f} to {100.0 * figure.high:.1f} %"


def _whiskered(name: str, kind: str, at: Float[np.ndarray, " n"], scores: Scores) -> Series:
    found = [scores.metrics[f"within_{km}_km"] for km in THRESHOLDS_KM]
    value, low, high = (np.array([getattr(item, end) for item in found]) for end in ("value", "low", "high"))
    return Series(name, kind, at, value, dotted=True, lined=False, low=low, high=high)


def _km_ticks() -> tuple[tuple[float, str], ...]:
    return (*((float(km), f"{km:,}") for km in THRESHOLDS_KM), (20000.0, "20,000"))


def _percents(shares: Float[np.ndarray, " n"]) -> tuple[str, ...]:
    return tuple(f"{100.0 * share:.0f} %" for share in shares.tolist())


def _multiples(low: float, high: float, step: int) -> range:
    return range(int(np.ceil(low / step)) * step, int(np.floor(high / step)) * step + 1, step)
