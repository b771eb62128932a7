"""What the tests say over all pictures: means and shares with intervals, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Float

from whence.evaluate.faithfulness.claim_truth import ClaimCheck, Verdict, auc, brier
from whence.evaluate.faithfulness.curves import Curve, OrderCurves
from whence.evaluate.faithfulness.study import Config, PictureResult
from whence.evaluate.faithfulness.units import Level
from whence.evaluate.metrics import Interval

SCHEMA = "whence.faithfulness/1"
"""Name and version of the layout of `to_json`."""

_LEVEL = 0.95
_TIE = 1e-9


@final
class Means:
    """Means with percentile bootstrap intervals over pictures, or over whole groups of them.

    Args:
        draws: of the bootstrap.
        seed: of the bootstrap.
    """

    def __init__(self, draws: int, seed: int) -> None:
        self._draws, self._seed = draws, seed

    def __call__(self, values: Sequence[float], groups: Sequence[str]) -> Interval:
        """Mean of some values.

        Args:
            values: finite numbers.
            groups: who each belongs to; whole groups are drawn.
        """
        rows = np.asarray(values, np.float64)
        if not rows.size:
            return Interval(math.nan, math.nan, math.nan)
        value = float(rows.mean())
        _, owner = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        count = int(owner.max()) + 1
        if count < 2:
            return Interval(value, math.nan, math.nan)
        generator = np.random.default_rng(self._seed)
        drawn = generator.multinomial(count, np.full(count, 1.0 / count), size=self._draws).astype(np.float64)
        sums, sizes = np.bincount(owner, rows), np.bincount(owner).astype(np.float64)
        low, high = np.quantile(_ratios(drawn, sums, sizes), ((1.0 - _LEVEL) / 2.0, (1.0 + _LEVEL) / 2.0))
        return Interval(value, float(low), float(high))


def to_json(found: Sequence[PictureResult], config: Config) -> dict[str, Any]:
    """All results as JSON values; NaN becomes ``None``.

    Args:
        found: by picture.
        config: as they were found.
    """
    means = Means(config.draws, config.seed)
    done = [item for item in found if item.failure is None]
    return {
        "schema": SCHEMA,
        "config": {name: getattr(config, name) for name in Config.__dataclass_fields__},
        "pictures": len(found),
        "failed": [{"name": item.name, "message": item.failure} for item in found if item.failure is not None],
        "score": _score(done, means),
        "curves": {level.value: _curves(done, level, means) for level in Level},
        "interventions": _interventions(done),
        "randomisation": _randomisation(done, means),
        "claims": _claims(done, means),
        "by_picture": [_picture(item) for item in done],
    }


def _ratios(
    drawn: Float[np.ndarray, "draws g"], sums: Float[np.ndarray, " g"], sizes: Float[np.ndarray, " g"]
) -> Float[np.ndarray, " draws"]:
    return np.asarray((drawn @ sums) / (drawn @ sizes))


def _group(item: PictureResult) -> str:
    return item.group or item.name


def _score(found: Sequence[PictureResult], means: Means) -> dict[str, Any]:
    kept = [(item.score, _group(item)) for item in found if item.score is not None]
    scores, groups = [score for score, _ in kept], [group for _, group in kept]
    return {
        "measured": len(kept),
        "mean": interval(means(scores, groups)),
        "above_random": interval(means([_won(score) for score in scores], groups)),
    }


def _won(gain: float) -> float:
    return 0.5 if abs(gain) <= _TIE else float(gain > 0.0)


def _curves(found: Sequence[PictureResult], level: Level, means: Means) -> dict[str, Any]:
    kept = [(curve, _group(item)) for item in found for curve in item.curves if curve.level is level]
    groups = [group for _, group in kept]

    def over(value: Callable[[OrderCurves], float]) -> dict[str, float | None]:
        return interval(means([value(curve) for curve, _ in kept], groups))

    return {
        "measured": len(kept),
        "units": over(lambda c: float(len(c.units))),
        "deletion_better": over(lambda c: _won(c.deletion_bits)),
        "deletion_bits": over(lambda c: c.deletion_bits),
        "deletion_variation": over(lambda c: c.deletion_variation),
        "deletion_variation_better": over(lambda c: _won(c.deletion_variation)),
        "insertion_better": over(lambda c: _won(c.insertion_bits)),
        "insertion_bits": over(lambda c: c.insertion_bits),
        "orders_beaten": over(lambda c: c.sooner),
    }


def _interventions(found: Sequence[PictureResult]) -> dict[str, Any]:
    rows = [change for item in found for change in item.interventions]
    kinds = {"sources": [r for r in rows if r.change.startswith("without ")]}
    kinds["concepts"] = [r for r in rows if not r.change.startswith("without ")]
    return {
        kind: {
            "made": len(made),
            "exact": sum(row.exact for row in made),
            "largest_bits": max((row.bits for row in made), default=None),
            "mean_moved": float(np.mean([row.moved for row in made])) if made else None,
        }
        for kind, made in kinds.items()
    }


def _randomisation(found: Sequence[PictureResult], means: Means) -> dict[str, Any]:
    out = {}
    for part in sorted({part for item in found for part in item.correlations}):
        kept = [
            (value, _group(item)) for item in found for value in item.correlations.get(part, ()) if math.isfinite(value)
        ]
        values, groups = [value for value, _ in kept], [group for _, group in kept]
        out[part] = {"measured": len(kept), "rank_correlation": interval(means(values, groups))}
    return out


def _claims(found: Sequence[PictureResult], means: Means) -> dict[str, Any]:
    rows = [(check, _group(item)) for item in found for check in item.checks]
    kinds = sorted({(check.source, check.kind) for check, _ in rows})
    return {
        "by_kind": [
            {"source": source, "kind": kind}
            | _truth([row for row in rows if (row[0].source, row[0].kind) == (source, kind)], means)
            for source, kind in kinds
        ],
        "probabilities": _probabilities([check for check, _ in rows]),
    }


def _truth(rows: Sequence[tuple[ClaimCheck, str]], means: Means) -> dict[str, Any]:
    count = {verdict: sum(check.verdict is verdict for check, _ in rows) for verdict in Verdict}
    known = [(check, group) for check, group in rows if check.verdict in (Verdict.TRUE, Verdict.FALSE)]
    share = means([float(check.verdict is Verdict.TRUE) for check, _ in known], [group for _, group in known])
    bits = means([max(check.bits_at_truth, -100.0) for check, _ in rows], [group for _, group in rows])
    return {
        "by": rows[0][0].by,
        **{verdict.value.replace(" ", "_"): count[verdict] for verdict in Verdict},
        "share_true": interval(share),
        "bits_at_truth": interval(bits),
    }


def _probabilities(checks: Sequence[ClaimCheck]) -> dict[str, Any]:
    kept = [c for c in checks if math.isfinite(c.probability) and math.isfinite(c.truth)]
    given, truths = np.asarray([c.probability for c in kept]), np.asarray([c.truth for c in kept])
    base = np.full(truths.shape, truths.mean()) if kept else truths
    return {
        "measured": len(kept),
        "brier": finite(brier(given, truths)),
        "brier_of_base_rate": finite(brier(base, truths)),
        "auc": finite(auc(given, truths >= 0.5)),
    }


def _picture(item: PictureResult) -> dict[str, Any]:
    return {
        "name": item.name,
        "group": item.group,
        "score": "not measured" if item.score is None else finite(item.score),
        "curves": {curve.level.value: _curve_values(curve) for curve in item.curves},
        "interventions": [
            {"change": row.change, "bits": row.bits, "variation": row.variation, "moved": row.moved}
            for row in item.interventions
        ],
        "correlations": {part: [finite(value) for value in values] for part, values in item.correlations.items()},
        "claims": [
            {
                "source": check.source,
                "kind": check.kind,
                "read": check.read,
                "by": check.by,
                "verdict": check.verdict.value,
                "truth": finite(check.truth),
                "probability": finite(check.probability),
                "bits_at_truth": finite(check.bits_at_truth),
            }
            for check in item.checks
        ],
    }


def _curve_values(curves: OrderCurves) -> dict[str, Any]:
    def values(curve: Curve) -> dict[str, list[float | None]]:
        return {
            "bits": [finite(value) for value in curve.bits.tolist()],
            "variation": [finite(value) for value in curve.variation.tolist()],
        }

    return {
        "units": list(curves.units),
        "ledger": values(curves.ledger),
        "reverse": values(curves.reverse),
        "random": values(curves.random),
        "orders": curves.orders,
        "orders_beaten": finite(curves.sooner),
    }


def interval(found: Interval) -> dict[str, float | None]:
    """A figure with the ends of its interval, ``None`` where there is none."""
    return {"value": finite(found.value), "low": finite(found.low), "high": finite(found.high)}


def finite(value: float) -> float | None:
    """Six decimals; ``None`` for what is not finite."""
    return round(float(value), 6) + 0.0 if math.isfinite(value) else None
