"""Where photographs are taken, before anything is known of one.

A mixture of three shares: people (population of the gazetteer's places, spread over their surroundings), land north
of 60° S (equal by area) and the whole surface. It is a plain assumption, stated here and replaceable: by name
(``photos``, ``land``, ``uniform``) or by any field file of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from whence.core.errors import OptionError, unknown_name
from whence.earth.field import WORKING_ORDER, Field
from whence.earth.partition import Partition


@dataclass(frozen=True)
class Config:
    """Shares of the default prior; they are scaled to sum to 1."""

    people_share: float = 0.70
    "Share of photographs taken where people live."
    land_share: float = 0.25
    "Share of photographs taken anywhere on land north of 60° S, equally by area."
    anywhere_share: float = 0.05
    "Share of photographs taken anywhere on Earth, sea included."


NAMES = ("photos", "land", "uniform")


def prior_field(name: str = "photos", config: Config | None = None) -> Field:
    """Return a normalised prior.

    Args:
        name: ``photos``, ``land`` (land by area and 5 % anywhere), ``uniform``, or the path of a field file.
        config: shares of ``photos``.

    Raises:
        OptionError: no such prior, or shares that are negative or all zero.
        ArtifactError: the file is damaged.
    """
    if name == "photos":
        return _mixture(config or Config())
    if name == "land":
        return _mixture(Config(people_share=0.0, land_share=0.95, anywhere_share=0.05))
    if name == "uniform":
        return Field.uniform()
    if Path(name).is_file():
        return Field.load(name).normalise()
    raise unknown_name("prior (nor a field file)", name, NAMES)


@lru_cache(maxsize=4)
def _mixture(config: Config) -> Field:
    from whence.earth.tables import land_share, population_field

    shares = np.array([config.people_share, config.land_share, config.anywhere_share])
    if (shares < 0).any() or not shares.sum() > 0:
        raise OptionError(f"The shares of the prior must be >= 0 with a positive sum, received {shares.tolist()}.")
    people_w, land_w, any_w = (shares / shares.sum()).tolist()
    people = population_field().normalise()
    land = land_share() * (Partition.uniform(WORKING_ORDER).lat_deg > -60.0)
    by_land = (land / land.mean())[people.partition.index_in(Partition.uniform(WORKING_ORDER))]
    with np.errstate(divide="ignore"):
        return Field(people.partition, np.log(people_w * np.exp(people.values) + land_w * by_land + any_w)).normalise()
