"""Embeddings of a trained model, its belief over a gallery, and how far the answers are from the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from whence.concepts.alignment import Alignment
from whence.core.arrays import FloatArray
from whence.earth.coordinates import distance_km
from whence.encode.location.layers import unit_vectors
from whence.train.data.types import Part, TrainingData
from whence.train.feed import Feed
from whence.train.losses import EARTH_RADIUS_KM

TEMPERATURES = tuple(round(0.1 * 1.1**step, 4) for step in range(40))
"""Tried for the one that makes held-out pictures likeliest: 0.1 to 4.1."""

MODE_KM = 300.0
"""Deviation of the kernel that smooths the belief for its mode."""

_BATCH = 512
_MODES = 200
_HEAVIEST = 1_500
_STEPS = 15
_NEAREST_RAD = 2e-3
_LEAST_SINE = 1e-6


@dataclass(frozen=True)
class Answers:
    """Answers of a model for a part of the data, one row a picture.

    Attributes:
        nearest_lat_deg: latitude of the likeliest place of the gallery.
        nearest_lon_deg: its longitude.
        mode_lat_deg: latitude of the gallery's place around which most of the belief lies, within about `MODE_KM`.
        mode_lon_deg: its longitude.
        median_lat_deg: latitude of the belief's geodesic median, the place of least expected distance.
        median_lon_deg: its longitude.
        bits: log₂ of the belief's density at the truth over that of a uniform belief over the gallery's area.
    """

    nearest_lat_deg: FloatArray
    nearest_lon_deg: FloatArray
    mode_lat_deg: FloatArray
    mode_lon_deg: FloatArray
    median_lat_deg: FloatArray
    median_lon_deg: FloatArray
    bits: FloatArray


@torch.no_grad()
def embedded_images(model: Alignment, part: Part) -> Float[np.ndarray, "n dim"]:
    """Unit vectors of a part's pictures, float32, without augmentation or autocast."""
    model.eval()
    feed = Feed(part, getattr(model.image, "preprocessing", None))
    device = model.log_logit_scale.device
    return torch.cat(
        [model.embed_images(feed.batch(rows).to(device)).cpu() for rows in _batches(torch.arange(len(feed)))]
    ).numpy()


@torch.no_grad()
def embedded_places(model: Alignment, lat_deg: FloatArray, lon_deg: FloatArray) -> Float[np.ndarray, "n dim"]:
    """Unit vectors of places, float32."""
    model.eval()
    device = model.log_logit_scale.device
    places = torch.from_numpy(np.stack([lat_deg, lon_deg], axis=1)).float()
    return torch.cat([model.embed_places(rows.to(device)).cpu() for rows in _batches(places)]).numpy()


def _batches(rows: Tensor) -> Iterator[Tensor]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def best_rows(images: Float[np.ndarray, "n dim"], gallery: Float[np.ndarray, "g dim"]) -> Int[np.ndarray, " n"]:
    """Row of the gallery nearest each picture."""
    places: Tensor = torch.from_numpy(gallery)
    found = [(part @ places.T).argmax(1) for part in _batches(torch.from_numpy(images))]
    return torch.cat(found).numpy()


def median_error_km(model: Alignment, part: Part, data: TrainingData) -> float:
    """Median distance of the nearest gallery place from the truth, in km."""
    gallery = embedded_places(model, data.gallery_lat_deg, data.gallery_lon_deg)
    rows = best_rows(embedded_images(model, part), gallery)
    errors = distance_km(part.lat_deg, part.lon_deg, data.gallery_lat_deg[rows], data.gallery_lon_deg[rows])
    return float(np.median(errors))


@torch.no_grad()
def fit_temperature(
    images: Float[np.ndarray, "n dim"],
    truth: Float[np.ndarray, "n dim"],
    gallery: Float[np.ndarray, "g dim"],
    logit_scale: float,
) -> float:
    """Temperature under which the true places are likeliest.

    Args:
        images: of held-out pictures.
        truth: embeddings of their true places.
        gallery: embeddings of places drawn uniformly over the area.
        logit_scale: factor on the cosines.
    """
    nats = np.zeros(len(TEMPERATURES))
    places = torch.from_numpy(gallery)
    for part, own in zip(_batches(torch.from_numpy(images)), _batches(torch.from_numpy(truth)), strict=True):
        critic, at_truth = logit_scale * part @ places.T, logit_scale * (part * own).sum(1)
        for i, temperature in enumerate(TEMPERATURES):
            mass = torch.logsumexp(critic / temperature, dim=1) - math.log(len(gallery))
            nats[i] += float((at_truth / temperature - mass).sum())
    return TEMPERATURES[int(np.argmax(nats))]


@torch.no_grad()
def answers(
    images: Float[np.ndarray, "n dim"],
    truth: Float[np.ndarray, "n dim"],
    gallery: Float[np.ndarray, "g dim"],
    gallery_deg: Float[np.ndarray, "g 2"],
    sharpness: float,
    uniform: int | None = None,
) -> Answers:
    """Answer for each picture from its belief over a gallery.

    Args:
        images: embeddings of the pictures.
        truth: embeddings of their true places, for the bits alone.
        gallery: embeddings of the places that come into question.
        gallery_deg: latitude and longitude of these places.
        sharpness: factor on the cosines over the temperature.
        uniform: so many of them, the first, are drawn uniformly over the area, which the bits count from; all if not
            given.
    """
    places, where = torch.from_numpy(gallery), torch.from_numpy(gallery_deg)
    vectors = unit_vectors(where).float()
    area = places[:uniform]
    nearest, modes, medians, bits = [], [], [], []
    for part, own in zip(_batches(torch.from_numpy(images)), _batches(torch.from_numpy(truth)), strict=True):
        critic = sharpness * part @ places.T
        belief = torch.log_softmax(critic, dim=1)
        mass = torch.logsumexp(critic[:, : len(area)], dim=1) - math.log(len(area))
        bits.append((sharpness * (part * own).sum(1) - mass) / math.log(2))
        weight, rows = belief.topk(min(_HEAVIEST, len(gallery)), dim=1)
        nearest.append(where[rows[:, 0]])
        modes.append(where[rows.gather(1, _smoothed_modes(vectors[rows], weight.exp()))[:, 0]])
        medians.append(_geodesic_medians(vectors[rows], weight.exp()))
    best, mode, middle = (torch.cat(parts).double().numpy() for parts in (nearest, modes, medians))
    return Answers(
        nearest_lat_deg=best[:, 0],
        nearest_lon_deg=best[:, 1],
        mode_lat_deg=mode[:, 0],
        mode_lon_deg=mode[:, 1],
        median_lat_deg=np.degrees(np.arcsin(np.clip(middle[:, 2], -1, 1))),
        median_lon_deg=np.degrees(np.arctan2(middle[:, 1], middle[:, 0])),
        bits=torch.cat(bits).double().numpy(),
    )


def _smoothed_modes(vectors: Float[Tensor, "n m 3"], weight: Float[Tensor, "n m"]) -> Int[Tensor, "n 1"]:
    """Which of the likeliest places has the most belief around it."""
    falling = (EARTH_RADIUS_KM / MODE_KM) ** 2
    near = torch.exp(falling * (vectors[:, :_MODES] @ vectors.transpose(1, 2) - 1))
    return (near @ weight[..., None])[..., 0].argmax(1, keepdim=True)


def _geodesic_medians(vectors: Float[Tensor, "n m 3"], weight: Float[Tensor, "n m"]) -> Float[Tensor, "n 3"]:
    """Weiszfeld's iteration on the sphere (Fletcher et al. 2009, NeuroImage 45), from the weighted mean."""
    middle = normalize((weight[..., None] * vectors).sum(1), dim=1)
    for _ in range(_STEPS):
        cosine = (vectors * middle[:, None]).sum(-1).clamp(-1, 1)
        away = torch.acos(cosine)
        pull = weight / away.clamp(min=_NEAREST_RAD)
        # Each place in the plane that touches the sphere at the median: in its direction, as far as it is away.
        reach = pull * away / torch.sin(away).clamp(min=_LEAST_SINE)
        step = (reach[..., None] * vectors).sum(1) - (reach * cosine).sum(1, keepdim=True) * middle
        step = step / pull.sum(1, keepdim=True)
        length = step.norm(dim=1, keepdim=True)
        middle = normalize(torch.cos(length) * middle + torch.sinc(length / math.pi) * step, dim=1)
    return middle
