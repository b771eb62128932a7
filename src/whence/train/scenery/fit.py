"""The log-linear model of places, fitted to photographs: convex, so that there is one answer.

With features ``x`` of a photograph and concept vectors ``c`` of places, ``score(place) = ⟨x W + b, c⟩``. The weights
make the true places as likely as they can be against places drawn from the prior, under a penalty on their squares:
a conditional logit model (McFadden 1974), or maximum entropy with a prior (Berger et al. 1996). Where the camera stood
is known within a radius only; the likelihood is the mean over places drawn within it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whence.concepts.bank import bank
from whence.concepts.place_vectors import PlaceVectors
from whence.core.errors import OptionError, unknown_name
from whence.earth.coordinates import destination
from whence.earth.partition import Partition
from whence.earth.tables import land_share
from whence.evidence.prior import prior_field
from whence.train.scenery.features import Photographs
from whence.train.scenery.recipe import Concepts, Fit

TEMPERATURES = tuple(np.round(np.geomspace(0.5, 4.0, 25), 3).tolist())
"""That are tried."""

SERVED_VIEWS = 2
"""Copies that a served model looks at: the photograph and its mirror image."""

_CHUNK = 128
_CELL_ORDER = 6
_LEAST_LAND = 0.02
_SPREAD_DRAWS = 20_000
_VARIANCE = 64.0
_TOLERANCE = 1e-6


@final
@dataclass(frozen=True, eq=False)
class Places:
    """What the truth is contrasted with: places with the share of all photographs that each stands for.

    Attributes:
        vectors: of their concepts.
        log_share: logarithm of the share; the shares sum to 1.
        lat_deg: latitudes.
        lon_deg: longitudes.
    """

    vectors: Float[np.ndarray, "m k"]
    log_share: Float[np.ndarray, " m"]
    lat_deg: Float[np.ndarray, " m"]
    lon_deg: Float[np.ndarray, " m"]


@final
@dataclass(frozen=True, eq=False)
class SceneryFit:
    """A fitted model, as it is served.

    Attributes:
        mean: of the features of unit length.
        weights: from features, less the mean, to strengths of concepts.
        general: strengths that hold for all pictures.
        temperature: that the log-likelihood is divided by.
    """

    mean: Float[np.ndarray, " f"]
    weights: Float[np.ndarray, "f k"]
    general: Float[np.ndarray, " k"]
    temperature: float = 1.0

    def strengths(self, photographs: Photographs) -> Float[np.ndarray, "n k"]:
        """Strengths of the concepts as they are served: from the photograph and its mirror image."""
        return (unit_features(photographs, SERVED_VIEWS) - self.mean) @ self.weights


def unit_features(photographs: Photographs, views: int | None = None) -> Float[np.ndarray, "n f"]:
    """Mean features over the first copies (all if not given), of unit length."""
    mean = photographs.features[:, :views].astype(np.float64).mean(axis=1)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9))


def contrast_places(vectors: PlaceVectors, draws: int, generator: np.random.Generator) -> Places:
    """Half of the weight on places drawn from the prior, half on the land's cells of 100 km by the prior's mass there.

    The draws know towns, the cells leave out no corner of the Earth.
    """
    prior = prior_field()
    partition = Partition.uniform(_CELL_ORDER)
    cells = np.flatnonzero(land_share().reshape(len(partition), -1).mean(axis=1) > _LEAST_LAND)
    inside = np.searchsorted(partition.starts, prior.partition.starts, side="right") - 1
    mass = np.bincount(inside, weights=prior.mass, minlength=len(partition))[cells]
    drawn_lat, drawn_lon = prior.draw(draws, generator)
    centres = partition.centres_of(cells)
    lat, lon = (np.concatenate(sides) for sides in zip((drawn_lat, drawn_lon), centres, strict=True))
    shares = np.concatenate([np.full(draws, 0.5 / draws), 0.5 * mass / mass.sum()])
    return Places(vectors.at(lat, lon), np.log(np.maximum(shares, np.finfo(np.float64).tiny)), lat, lon)


def places_around(
    photographs: Photographs, vectors: PlaceVectors, count: int, generator: np.random.Generator
) -> Float[np.ndarray, "n count k"]:
    """Vectors of places drawn within the radius of each photograph, even by area; the first is its centre."""
    shape = (len(photographs), count)
    away = np.sqrt(generator.random(shape)) * photographs.accuracy_km[:, None]
    away[:, 0] = 0.0
    lat, lon = destination(
        np.broadcast_to(photographs.lat_deg[:, None], shape),
        np.broadcast_to(photographs.lon_deg[:, None], shape),
        generator.uniform(0.0, 360.0, shape),
        away,
    )
    return vectors.at(lat, lon)


def choose_vectors(concepts: Concepts, generator: np.random.Generator) -> PlaceVectors:
    """The concepts of a recipe with the mean and the spread of their truths over photographs in general.

    Raises:
        OptionError: a group that the bank does not have, a weight that is none, or no concept left.
    """
    weights = _group_weights(concepts.groups)
    known = bank().subset(concept.id for concept in bank().grounded if weights.get(concept.group, 0.0) > 0.0)
    lat, lon = prior_field().draw(_SPREAD_DRAWS, generator)
    truths = known.truths(lat, lon)
    spread = np.nanstd(truths, axis=0)
    kept = np.flatnonzero(spread >= concepts.least_spread)
    if not kept.size:
        raise OptionError(f"No concept is left by groups {concepts.groups!r} and least_spread {concepts.least_spread}.")
    chosen = known.subset(known.ids[i] for i in kept)
    weight = np.array([weights[concept.group] for concept in chosen])
    factor = weight / np.maximum(spread[kept], concepts.spread_floor)
    return PlaceVectors(chosen.ids, np.nanmean(truths, axis=0)[kept], factor)


def fit(photographs: Photographs, vectors: PlaceVectors, settings: Fit, generator: np.random.Generator) -> SceneryFit:
    """Fit the model; photographers count alike, however many pictures they gave.

    Args:
        photographs: to learn from.
        vectors: concepts of places.
        settings: components, penalties, draws.
        generator: draws the places.
    """
    contrast = contrast_places(vectors, settings.draws, generator)
    around = torch.from_numpy(places_around(photographs, vectors, settings.around, generator))
    unit = unit_features(photographs)
    mean = unit.mean(axis=0)
    _, _, axes = np.linalg.svd(unit - mean, full_matrices=False)
    axes = axes[: min(settings.components, len(unit) - 1)].T
    length = float(np.sqrt(np.square((unit - mean) @ axes).sum(axis=1).mean()) / math.sqrt(_VARIANCE))
    x = torch.from_numpy(np.column_stack([(unit - mean) @ axes / length, np.ones(len(unit))])).float()
    share = torch.from_numpy(equal_shares(photographs)).float()
    penalty = torch.full((x.shape[1], 1), settings.penalty)
    penalty[-1] = settings.general_penalty
    found = solve(x, around, contrast, share, penalty, settings.steps)
    return SceneryFit(mean, axes @ found[:-1] / length, found[-1])


def equal_shares(photographs: Photographs) -> Float[np.ndarray, " n"]:
    """Weights of photographs that sum to 1, the same in all for each photographer."""
    _, group, count = np.unique(photographs.group, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (count[group] * count.size))


def solve(
    x: Float[Tensor, "n d"],
    around: Float[Tensor, "n m k"],
    contrast: Places,
    share: Float[Tensor, " n"],
    penalty: Float[Tensor, "d _"],
    steps: int,
) -> Float[np.ndarray, "d k"]:
    """Weights from inputs to strengths of concepts: the least penalised loss, by L-BFGS.

    Args:
        x: inputs of each picture.
        around: vectors of places where it may have been taken.
        contrast: places that the truth is contrasted with.
        share: weight of each picture.
        penalty: of the squared weights, one for each or one an input.
        steps: at most.
    """
    places = torch.from_numpy(contrast.vectors)
    log_share = torch.from_numpy(contrast.log_share).float()
    weights = torch.zeros(x.shape[1], places.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=steps, history_size=20, tolerance_grad=_TOLERANCE, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        total = (penalty * weights.square()).sum()
        total.backward()  # type: ignore[no-untyped-call]
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            strengths = x[part] @ weights
            true = torch.logsumexp((around[part] * strengths[:, None]).sum(-1), 1) - math.log(around.shape[1])
            every = torch.logsumexp(strengths @ places.T + log_share, 1)
            loss = (share[part] * (every - true)).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        return total.detach()

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach().double().numpy()


def gained_bits(
    model: SceneryFit,
    photographs: Photographs,
    around: Float[np.ndarray, "n count k"],
    contrast: Places,
    temperature: float = 1.0,
    *,
    shown: bool = True,
) -> Float[np.ndarray, " n"]:
    """Bits that the model gains over the prior at the true places.

    Args:
        model: that is measured.
        photographs: with their truth.
        around: of `places_around`.
        contrast: of `contrast_places`.
        temperature: that the log-likelihood is divided by.
        shown: whether the model sees the pictures; otherwise only what holds for all counts.
    """
    strengths = model.strengths(photographs) * float(shown) + model.general
    out = np.empty(len(photographs))
    for start in range(0, len(out), _CHUNK):
        part = slice(start, start + _CHUNK)
        given = strengths[part] / temperature
        true = _log_mean(
            np.einsum("nk,nmk->nm", given, around[part]), np.full(around.shape[1], -math.log(around.shape[1]))
        )
        out[part] = true - _log_mean(given @ contrast.vectors.T, contrast.log_share)
    return out / math.log(2)


def best_temperature(bits_at: Sequence[float]) -> float:
    """The temperature of `TEMPERATURES` with the most bits."""
    return TEMPERATURES[int(np.argmax(bits_at))]


def _log_mean(scores: Float[np.ndarray, "n m"], log_share: Float[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
    shifted = scores + log_share
    top = shifted.max(axis=1)
    return np.asarray(top + np.log(np.exp(shifted - top[:, None]).sum(axis=1)))


def _group_weights(text: str) -> dict[str, float]:
    out: dict[str, float] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name not in bank().groups:
            raise unknown_name("group of concepts", name, bank().groups)
        try:
            out[name] = float(value or 1.0)
        except ValueError:
            raise OptionError(f"The weight of the group {name} must be a number, received {value!r}.") from None
    return out
