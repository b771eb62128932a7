"""Embeddings of a trained model, and how far its answers are from the truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whence.concepts.alignment import Alignment
from whence.core.arrays import FloatArray
from whence.earth.coordinates import distance_km
from whence.train.data.types import Part, TrainingData
from whence.train.feed import Feed

_BATCH = 512


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


def best_rows(images: Float[np.ndarray, "n dim"], gallery: Float[np.ndarray, "g dim"]) -> FloatArray:
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
