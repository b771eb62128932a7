"""Where something speaks loudest, in the names of countries: what a likelihood implies, in words."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from whence.earth.regions import RegionLevel, regions

_FEW_CELLS = 4
"""Countries of fewer cells are not named: their mean is that of a place."""

_LEAST_NATS = 1e-9
_NAMED = 3


def points_to(values: Float[np.ndarray, " n"], country: Int[np.ndarray, " n"]) -> str:
    """Name the countries where values are highest on average over their cells.

    Args:
        values: nats, one a cell; 0 says nothing.
        country: index of each cell's country (`whence.earth.regions`), −1 at sea.
    """
    table = regions(RegionLevel.COUNTRY)
    on_land = country >= 0
    count = np.bincount(country[on_land], minlength=len(table))
    total = np.bincount(country[on_land], weights=values[on_land], minlength=len(table))
    mean = np.where(count >= min(_FEW_CELLS, count.max(initial=1)), total / np.maximum(count, 1), -np.inf)
    best = [i for i in np.argsort(-mean, kind="stable")[:_NAMED].tolist() if mean[i] > _LEAST_NATS]
    if not best:
        return "nothing that tells places apart"
    return "likelier in " + ", ".join(table.region(table.codes[i]).name for i in best)
