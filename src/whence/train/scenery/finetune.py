"""The last blocks of the network, tuned on the photographs: little data, so everything holds it back.

What the blocks before them make of each copy of a photograph is computed once. The tuned blocks and a linear readout
then learn the conditional logit of `whence.train.scenery.fit`, with two companions: the truth spread over places near
it (soft targets that know distances, as Haas et al. 2023, PIGEON, eq. 1), and the concepts that the layers hold true at
the photograph's place, weighted by how well that place is known. Steps are small, some places are kept aside to say
when to stop, a running mean of the weights is taken (Polyak averaging), and the result is moved back towards the
weights it started from (Wortsman et al. 2022, *Robust fine-tuning of zero-shot models*: WiSE-FT).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from whence.concepts.place_vectors import PlaceVectors
from whence.core.config import fingerprint
from whence.core.errors import OptionError
from whence.core.folders import cache_folder
from whence.earth.coordinates import distance_km
from whence.encode.image.mobilenet_v2 import MobilenetV2
from whence.encode.image.types import ImageEncoder
from whence.train.scenery.features import Photographs, content_of, kept_array, normalised_copies
from whence.train.scenery.fit import Places, SceneryFit, contrast_places, equal_shares, fit, places_around
from whence.train.scenery.recipe import Finetune, SceneryRecipe
from whence.train.tower import TowerModel

_PLACE_DEG = 0.1
_KNOWN_KM = 10.0
_RIDGE = 1e-2
_AT_ONCE = 64


@final
class Tail(nn.Module):
    """The last blocks of MobileNetV2 with its head: from what the blocks before them make of pictures to features."""

    def __init__(self, tower: MobilenetV2, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*copy.deepcopy(list(tower.blocks)[len(tower.blocks) - blocks :]))
        self.head = copy.deepcopy(tower.head)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f"]:
        """Features as the whole network gives them: not normalised."""
        return functional.relu6(self.head(self.blocks(x))).mean(dim=(2, 3))


@final
@dataclass(frozen=True, eq=False)
class Tuned:
    """A readout with the blocks that it was fitted to.

    Attributes:
        model: the readout.
        tail: the tuned blocks.
        note: ``epoch`` (0 if nothing was better than the network as it was), ``loss_before``, ``loss``: nats aside.
    """

    model: SceneryFit
    tail: Tail
    note: Mapping[str, float]


@final
class Tuner:
    """Tunes the last blocks on some photographs and fits the readout to what comes out.

    Args:
        recipe: with ``finetune.blocks`` above 0.
        tower: the network as it is.
        photographs: all that are ever asked for. What goes into the tuned blocks is kept on disk and in memory, about
            250 kB each.
        report: told how many are done.

    Raises:
        OptionError: a network whose blocks cannot be tuned.
    """

    def __init__(
        self,
        recipe: SceneryRecipe,
        tower: ImageEncoder,
        photographs: Photographs,
        report: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self.recipe, self._tower = recipe, tunable(tower, recipe.finetune.blocks)
        self._served = photographs.features.shape[1]
        views = replace(recipe.views, recoloured=max(recipe.views.recoloured, recipe.finetune.copies))
        self._kept: dict[str, np.ndarray] = {}
        blocks = recipe.finetune.blocks
        folder = cache_folder() / "scenery" / f"{fingerprint(TowerModel(tower).hash, views)[:20]}-before-{blocks}"
        for i, (name, path) in enumerate(zip(photographs.names, photographs.paths, strict=True)):

            def made(path: Path = path) -> np.ndarray:
                return activations_of(self._tower, blocks, normalised_copies(path, tower, views))

            self._kept[name] = kept_array(folder / f"{content_of(path)}.npy", made)
            if report is not None:
                report(i + 1, len(photographs), "activations")

    def seen(self, tail: Tail, photographs: Photographs, copies: int | None = None) -> Photographs:
        """Photographs with the features that tuned blocks give them, of the first copies or all that are fitted to."""
        kept = self._activations(photographs)[:, : copies or self._served]
        return replace(photographs, features=features_of(tail, kept))

    def mixed(self, tail: Tail, share: float) -> Tail:
        """Blocks between the network's own (share 0) and tuned ones (share 1)."""
        return mixed(Tail(self._tower, len(tail.blocks)), tail.state_dict(), share)

    def fit(self, photographs: Photographs, vectors: PlaceVectors, generator: np.random.Generator) -> Tuned:
        """Tune on photographs, and fit the readout anew.

        Args:
            photographs: to learn from.
            vectors: concepts of places.
            generator: draws places, copies and order.
        """
        settings, how = self.recipe.finetune, self.recipe.fit
        tail = Tail(self._tower, settings.blocks).eval().requires_grad_(False)
        start = fit(self.seen(tail, photographs), vectors, how, generator)
        contrast = contrast_places(vectors, how.draws, generator)
        lessons = Lessons(
            self._activations(photographs),
            places_around(photographs, vectors, how.around, generator),
            spread_truth(photographs, contrast, settings.near_km),
            contrast,
            equal_shares(photographs),
            known_weights(photographs),
            kept_aside(photographs, settings.aside, generator),
        )
        tail, note = tuned(tail, start, lessons, settings, generator)
        return Tuned(fit(self.seen(tail, photographs), vectors, how, generator), tail, MappingProxyType(note))

    def _activations(self, photographs: Photographs) -> np.ndarray:
        return np.stack([self._kept[name] for name in photographs.names])


@final
@dataclass(frozen=True, eq=False)
class Lessons:
    """What the tuned blocks learn from, photographs in order.

    Attributes:
        activations: that go into the first tuned block, of each copy; half precision.
        around: vectors of places within the radius in which the camera stood.
        near: truth spread over the places of `contrast`, rows sum to 1.
        contrast: places that the truth is told apart from.
        share: weight of each photograph; the weights sum to 1.
        known: weight of its concepts, 0..1: how well its place is known.
        aside: whether it is kept aside, to say when to stop.
    """

    activations: Float[np.ndarray, "n v c h w"]
    around: Float[np.ndarray, "n count k"]
    near: Float[np.ndarray, "n m"]
    contrast: Places
    share: Float[np.ndarray, " n"]
    known: Float[np.ndarray, " n"]
    aside: np.ndarray


def tunable(tower: ImageEncoder, blocks: int) -> MobilenetV2:
    """The encoder, if its last blocks can be tuned.

    Raises:
        OptionError: another network, or more blocks than it has.
    """
    if not isinstance(tower, MobilenetV2):
        raise OptionError(
            f"finetune.blocks works with mobilenet_v2 only, received {type(tower).__name__}. Set it to 0."
        )
    if not 1 <= blocks <= len(tower.blocks):
        raise OptionError(f"finetune.blocks lies within 1..{len(tower.blocks)}, received {blocks}.")
    return tower


def activations_of(tower: MobilenetV2, blocks: int, pixels: Float[np.ndarray, "v 3 h w"]) -> np.ndarray:
    """What goes into the last blocks for preprocessed pictures, half precision."""
    with torch.no_grad():
        x = functional.relu6(tower.stem(torch.from_numpy(pixels)))
        for block in list(tower.blocks)[: len(tower.blocks) - blocks]:
            x = block(x)
    return x.numpy().astype(np.float16)


def spread_truth(photographs: Photographs, places: Places, near_km: float) -> Float[np.ndarray, "n m"]:
    """The truth spread over places: their share, times ``exp(−(distance beyond its radius) / near_km)``."""
    out = np.empty((len(photographs), len(places.log_share)), np.float32)
    for i in range(len(out)):
        away = distance_km(photographs.lat_deg[i], photographs.lon_deg[i], places.lat_deg, places.lon_deg)
        score = places.log_share - np.maximum(away - photographs.accuracy_km[i], 0.0) / near_km
        mass = np.exp(score - score.max())
        out[i] = mass / mass.sum()
    return out


def kept_aside(photographs: Photographs, share: float, generator: np.random.Generator) -> np.ndarray:
    """Photographs of some places of each photographer, about a share of them: whole places, never single pictures."""
    place = [
        f"{group} {lat // _PLACE_DEG:.0f} {lon // _PLACE_DEG:.0f}"
        for group, lat, lon in zip(photographs.group, photographs.lat_deg, photographs.lon_deg, strict=True)
    ]
    names, owner = np.unique(place, return_inverse=True)
    return np.asarray((generator.random(len(names)) < share)[owner])


def known_weights(photographs: Photographs) -> Float[np.ndarray, " n"]:
    """How well the place of each photograph is known, 0..1: a half where the camera stood within 10 km."""
    return _KNOWN_KM / (_KNOWN_KM + photographs.accuracy_km)


def tuned(
    tail: Tail, start: SceneryFit, lessons: Lessons, settings: Finetune, generator: np.random.Generator
) -> tuple[Tail, dict[str, float]]:
    """Tune blocks; they come back unchanged if nothing better was found on the places kept aside.

    Args:
        tail: the blocks as they are.
        start: the readout fitted to their features.
        lessons: what they learn from.
        settings: how.
        generator: draws copies and order.

    Returns:
        The blocks, and what became of it: ``epoch`` (0 if unchanged), ``loss_before`` and ``loss`` (nats, aside).
    """
    model = _Learner(tail, start, lessons)
    model.teach_concepts(lessons)
    average = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(
        [
            {"params": model.tail.parameters(), "lr": settings.rate},
            {"params": [model.weights, model.general, model.truths], "lr": settings.rate * settings.readout_rate},
        ],
        weight_decay=settings.decay,
    )
    before = best = _aside_loss(average, lessons)
    kept, epoch_of_best = copy.deepcopy(average.tail.state_dict()), 0
    for epoch in range(1, settings.epochs + 1):
        for rows, copies in _batches(lessons, settings.batch, generator):
            optimiser.zero_grad()
            model.loss(lessons, rows, copies, settings).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            _follow(average, model, settings.average)
        loss = _aside_loss(average, lessons)
        if loss < best:
            best, epoch_of_best, kept = loss, epoch, copy.deepcopy(average.tail.state_dict())
        elif epoch - epoch_of_best >= settings.patience:
            break
    return mixed(tail, kept, settings.share), {"epoch": epoch_of_best, "loss_before": before, "loss": best}


def mixed(tail: Tail, other: Mapping[str, Tensor], share: float) -> Tail:
    """Blocks moved by a share towards other weights (WiSE-FT)."""
    first, out = tail.state_dict(), copy.deepcopy(tail)
    out.load_state_dict({name: torch.lerp(first[name], other[name], share) for name in first})
    return out.eval().requires_grad_(False)


def features_of(tail: Tail, activations: Float[np.ndarray, "n v c h w"]) -> Float[np.ndarray, "n v f"]:
    """Features of every copy."""
    n, views = activations.shape[:2]
    flat = activations.reshape(n * views, *activations.shape[2:])
    with torch.no_grad():
        parts = [
            tail(torch.from_numpy(np.ascontiguousarray(flat[i : i + _AT_ONCE])).float()).numpy()
            for i in range(0, len(flat), _AT_ONCE)
        ]
    return np.concatenate(parts).reshape(n, views, -1)


def put_back(tower: MobilenetV2, tail: Tail) -> MobilenetV2:
    """The network with tuned blocks in place of its own."""
    out = copy.deepcopy(tower)
    new_blocks = list(tail.blocks)
    for own, new in zip(list(out.blocks)[len(out.blocks) - len(new_blocks) :], new_blocks, strict=True):
        own.load_state_dict(new.state_dict())
    out.head.load_state_dict(tail.head.state_dict())
    return out.eval().requires_grad_(False)


@final
class _Learner(nn.Module):
    """Tuned blocks with a readout of strengths and one of truths."""

    def __init__(self, tail: Tail, start: SceneryFit, lessons: Lessons) -> None:
        super().__init__()
        self.tail = copy.deepcopy(tail).requires_grad_(True)
        self.mean = nn.Parameter(torch.from_numpy(start.mean).float(), requires_grad=False)
        self.weights = nn.Parameter(torch.from_numpy(start.weights).float())
        self.general = nn.Parameter(torch.from_numpy(start.general).float())
        self.truths = nn.Parameter(torch.zeros_like(self.weights))
        self.places = nn.Parameter(torch.from_numpy(lessons.contrast.vectors), requires_grad=False)
        self.log_share = nn.Parameter(torch.from_numpy(lessons.contrast.log_share).float(), requires_grad=False)

    def unit(self, x: Tensor) -> Tensor:
        """Features of unit length, less the mean."""
        centred: Tensor = functional.normalize(self.tail(x), dim=1) - self.mean
        return centred

    def log_places(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Strengths, and the log-probability of every place of the contrast."""
        strengths = unit @ self.weights + self.general
        return strengths, functional.log_softmax(strengths @ self.places.T + self.log_share, dim=1)

    def nats(self, x: Tensor, around: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of the conditional logit, the log-probabilities of places, and the centred features."""
        unit = self.unit(x)
        strengths = unit @ self.weights + self.general
        scores = strengths @ self.places.T + self.log_share
        every = torch.logsumexp(scores, dim=1)
        true = torch.logsumexp((around * strengths[:, None]).sum(-1), 1) - math.log(around.shape[1])
        return every - true, scores - every[:, None], unit

    def loss(
        self, lessons: Lessons, rows: Int[np.ndarray, " b"], copies: Int[np.ndarray, " b"], how: Finetune
    ) -> Tensor:
        """All parts together, by the weights of the photographs."""
        x, around, weight = _batch(lessons, rows, copies)
        nats, log_places, unit = self.nats(x, around)
        near = -(torch.from_numpy(lessons.near[rows]) * log_places).sum(1)
        wrong = (unit @ self.truths - around.mean(1)).square().mean(1) * torch.from_numpy(lessons.known[rows]).float()
        total: Tensor = (weight * (nats + how.near * near + how.concepts * wrong)).sum() / weight.sum()
        return total

    @torch.no_grad()
    def teach_concepts(self, lessons: Lessons) -> None:
        """Start the readout of truths from ridge regression on the features as they are."""
        rows = np.arange(len(lessons.share))
        parts = [rows[i : i + _AT_ONCE] for i in range(0, len(rows), _AT_ONCE)]
        unit = torch.cat([self.unit(_batch(lessons, part, np.zeros(len(part), np.int64))[0]) for part in parts])
        weight = torch.from_numpy(lessons.share * lessons.known).float()[:, None]
        weight = weight / weight.sum()
        gram = unit.T @ (unit * weight) + _RIDGE * torch.eye(unit.shape[1])
        target = torch.from_numpy(lessons.around.mean(1)).float()
        self.truths.copy_(torch.linalg.solve(gram, unit.T @ (target * weight)))


def _batch(
    lessons: Lessons, rows: Int[np.ndarray, " b"], copies: Int[np.ndarray, " b"]
) -> tuple[Tensor, Tensor, Tensor]:
    x = torch.from_numpy(np.ascontiguousarray(lessons.activations[rows, copies])).float()
    return x, torch.from_numpy(lessons.around[rows]).float(), torch.from_numpy(lessons.share[rows]).float()


def _batches(
    lessons: Lessons, size: int, generator: np.random.Generator
) -> Iterator[tuple[Int[np.ndarray, " b"], Int[np.ndarray, " b"]]]:
    rows = generator.permutation(np.flatnonzero(~lessons.aside))
    copies = generator.integers(0, lessons.activations.shape[1], len(rows))
    for i in range(0, len(rows), size):
        yield rows[i : i + size], copies[i : i + size]


@torch.no_grad()
def _aside_loss(model: _Learner, lessons: Lessons) -> float:
    rows = np.flatnonzero(lessons.aside)
    total, weights = 0.0, 0.0
    for i in range(0, len(rows), _AT_ONCE):
        part = rows[i : i + _AT_ONCE]
        x, around, weight = _batch(lessons, part, np.zeros(len(part), np.int64))
        total += float((model.nats(x, around)[0] * weight).sum())
        weights += float(weight.sum())
    return total / weights if weights else math.inf


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, share: float) -> None:
    for mine, new in zip(average.parameters(), model.parameters(), strict=True):
        mine.lerp_(new, 1.0 - share)
