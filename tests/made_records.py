"""Records of made pictures whose sources err by a known law, so that the right calibration is known."""

from __future__ import annotations

import numpy as np

from whence.earth import grid
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.evaluate.records import Record, Run, SourceRecord, Truth


def made_prior(order: int = 4) -> Field:
    """A smooth prior with all of the Earth in it."""
    partition = Partition.uniform(order)
    x, y, z = partition.vectors.T
    return Field(partition, 1.5 * x * z + np.sin(3.0 * y)).normalise()


def made_run(prior: Field, versions: dict[str, str] | None = None) -> Run:
    return Run("made", prior, versions or {}, {}, "here", "2026-01-01T00:00:00+00:00")


def made_records(
    prior: Field,
    count: int,
    rng: np.random.Generator,
    *,
    sharpened: float = 1.0,
    wrong: float = 0.0,
    groups: int = 8,
    sources: tuple[str, ...] = ("eye",),
    accuracy_km: float | None = None,
) -> list[Record]:
    """Pictures taken where the prior says; each source points near the place, by von Mises and Fisher's law.

    Args:
        sharpened: what the log-likelihood is multiplied by before it is told.
        wrong: how often the first source points near another place that was drawn alike.
    """
    out = []
    lats, lons = prior.draw(2 * count, rng)
    for i in range(count):
        place, other = (grid.unit_vectors(lats[j], lons[j]) for j in (i, count + i))
        told = []
        for name in sources:
            steep = 10.0 + 30.0 * rng.random()
            near = other if name == sources[0] and rng.random() < wrong else place
            bump = Field(prior.partition, steep * (prior.partition.vectors @ _pointed(near, steep, rng)))
            told.append(SourceRecord(name, bump.scale(sharpened)))
        belief = Field.sum([prior, *(item.likelihood for item in told)]).normalise()
        truth = Truth(float(lats[i]), float(lons[i]), accuracy_km, f"g{i % groups}" if groups else None)
        out.append(Record(f"{i}.jpg", "", truth, 0.0, 0.0, 1.0, 1.0, False, belief, tuple(told)))
    return out


def _pointed(place: np.ndarray, steep: float, rng: np.random.Generator) -> np.ndarray:
    """A direction around a place (Ulrich 1984; in three dimensions the cosine has a closed form)."""
    u = rng.random()
    cosine = 1.0 + np.log(u + (1.0 - u) * np.exp(-2.0 * steep)) / steep
    across = rng.normal(size=3)
    across -= (across @ place) * place
    return cosine * place + np.sqrt(max(1.0 - cosine**2, 0.0)) * across / np.linalg.norm(across)
