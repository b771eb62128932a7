"""A scenery model's likelihood in parts that add up to it, told as claims."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from whence.concepts.place_vectors import place_partition
from whence.earth.field import Field
from whence.earth.regions import RegionLevel, regions
from whence.evidence.pointing import points_to
from whence.evidence.scenery.model import SceneryModel, Seen
from whence.evidence.types import Claim

_EVERY = 4
_CELLS_AT_ONCE = 8192
_INDOORS = 0.5


def claims_of(
    model: SceneryModel, seen: Seen, interventions: Mapping[int, float], top: int, general: bool, number: int
) -> list[Claim]:
    """Claims of one view: the concepts that tell most, the others together, pictures in general, and what is seen.

    Args:
        model: that was asked.
        seen: what it made of the view.
        interventions: strengths that are set, by concept.
        top: how many concepts make claims of their own.
        general: whether where pictures are taken in general makes a claim.
        number: of the view in the query.
    """
    trust = 1.0 if np.isnan(seen.indoors) else 1.0 - seen.indoors
    sharpness = trust / model.settings.temperature
    strengths = seen.strengths.copy()
    for row, strength in interventions.items():
        strengths[row] = strength
    grid = model.vectors.dense_grid
    pictured = sharpness * strengths
    shown, usual = _products(np.stack([pictured, model.general / model.settings.temperature]), grid)
    likely, base, spread = _reading(grid, shown + usual * general, pictured)
    truths, bases = model.vectors.truths(likely), model.vectors.truths(base)
    ranked = np.argsort(-spread, kind="stable")
    error_model = (
        f"Model {model.bundle.header.name}: its log-likelihood is divided by {model.settings.temperature:.3g}, fitted "
        "on photographers whom it had not seen; concepts are not calibrated one by one."
    )

    def claim(kind: str, read: str, values: Float[np.ndarray, " n"]) -> Claim:
        implies = points_to(values - float(_areas() @ values), _country_of_cells())
        return Claim(kind, read, implies, error_model, Field(place_partition(), values), view=number)

    out = []
    for row in ranked[:top].tolist():
        name, given = model.vectors.bank[model.concept_ids[row]].name(), float(strengths[row])
        read = f"{name}: {truths[row]:.0%} likely, {bases[row]:.0%} of all pictures (strength {given:+.2f})"
        if row in interventions:
            read += f" (set; the picture has {seen.strengths[row]:+.2f})"
        values = pictured[row] * grid[row].astype(np.float64)
        shown -= values
        out.append(claim("scenery", read, values))
    if len(ranked) > top:
        named = ", ".join(
            f"{model.vectors.bank[model.concept_ids[row]].name()} {strengths[row]:+.2f}"
            for row in ranked[top : top + 5].tolist()
        )
        more = f" and {len(ranked) - top - 5} more" if len(ranked) > top + 5 else ""
        out.append(claim("other scenery", named + more, shown))
    if general:
        out.append(claim("pictures in general", "where the pictures that the model learned from were taken", usual))
    if seen.classes:
        out.append(_remark(seen, number))
    return out


def _remark(seen: Seen, number: int) -> Claim:
    named = ", ".join(f"{label} {chance:.0%}" for label, chance in seen.classes)
    if seen.indoors > _INDOORS:
        implies = f"taken indoors ({seen.indoors:.0%} likely), so that scenery says little"
    else:
        implies = "nothing by itself: it is what the model thinks is in the picture"
    return Claim("looks like", named, implies, "ImageNet's classes; often wrong on what is none of them.", view=number)


def _reading(
    grid: Float[np.ndarray, "k n"], told: Float[np.ndarray, " n"], strengths: Float[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Mean vector where scores and people lead, where people alone lead, and how much each concept's part varies."""
    prior = _people()
    belief = prior * np.exp(told - told.max())
    belief /= belief.sum()
    weights = np.stack([prior, belief]).astype(np.float32)
    usual, likely = (grid @ weights.T).T.astype(np.float64)
    # Of the spread over places, half of which are taken by people and half by the belief, a sample is enough.
    some = grid[:, ::_EVERY]
    mixed = weights[:, ::_EVERY].sum(axis=0)
    mixed /= mixed.sum()
    spread = np.sqrt(np.maximum(np.square(some - (some @ mixed)[:, None]) @ mixed, 0.0))
    return likely, usual, np.abs(strengths) * spread


def _products(strengths: Float[np.ndarray, "m k"], grid: Float[np.ndarray, "k n"]) -> Float[np.ndarray, "m n"]:
    """Products in double precision, so that parts taken off them leave nothing behind."""
    out = np.empty((len(strengths), grid.shape[1]))
    for start in range(0, grid.shape[1], _CELLS_AT_ONCE):
        part = slice(start, start + _CELLS_AT_ONCE)
        np.matmul(strengths, grid[:, part].astype(np.float64), out=out[:, part])
    return out


@lru_cache(maxsize=1)
def _country_of_cells() -> Int[np.ndarray, " n"]:
    partition = place_partition()
    return np.asarray(regions(RegionLevel.COUNTRY).cell_indices_at(partition.lat_deg, partition.lon_deg))


@lru_cache(maxsize=1)
def _areas() -> Float[np.ndarray, " n"]:
    """Share of the land in each cell, by its centre."""
    inside = place_partition().fractions * (_country_of_cells() >= 0)
    return np.asarray(inside / inside.sum())


@lru_cache(maxsize=1)
def _people() -> Float[np.ndarray, " n"]:
    """Share of photographs taken in each cell before anything is known: where claims are weighed, and nothing else."""
    from whence.evidence.prior import prior_field

    prior = prior_field()
    order = np.searchsorted(place_partition().starts, prior.partition.starts, side="right") - 1
    held = np.bincount(order, weights=prior.mass, minlength=len(place_partition()))
    return np.asarray(held / held.sum())
