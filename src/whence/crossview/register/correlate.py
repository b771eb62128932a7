"""`Correlator`: a query laid onto a reference by correlation of gradient directions alone, without points.

Where two sensors see the same ground so differently that no points pair (visible light and near infrared, 5 m and
30 m pixels), edges still run alike. A search over turns, scales and shifts finds where; a finer one around the best
place follows. It needs to know scale and heading roughly, or it takes long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, UInt8

from whence.core.errors import OptionError
from whence.crossview.register.config import PosePrior
from whence.crossview.register.dense import Peak, Search
from whence.crossview.register.geometry import Allowed, mapped
from whence.crossview.register.method import Expected, RegistrationMethod
from whence.crossview.register.picture import Picture, Transform
from whence.crossview.register.statistics import scale_and_turn
from whence.crossview.types import Correspondences, Registration
from whence.earth.tiles.types import Patch

_ROOM_PX = 16.0
_OVER = 0.25
"""Around a place that was found the query hangs over the edge of the part of the reference by no more than this."""


@dataclass(frozen=True)
class Config:
    """Settings of correlation."""

    side_px: int = 160
    "Both pictures are reduced until the query is at most about this long."
    turn_step_deg: float = 4.0
    "Between the turns that are tried."
    scale_step: float = 1.08
    "Ratio of the scales that are tried."
    promising: float = 0.34
    "Share of the turns and scales that are tried in full: those that lie best where both pictures are half as large."
    sigma_px: float = 1.5
    "Standard deviation of the place found, in pixels of the reduced pictures, each way."

    def __post_init__(self) -> None:
        if self.side_px < 32 or self.turn_step_deg <= 0.0 or self.scale_step <= 1.0 or self.sigma_px <= 0.0:
            raise OptionError(f"side_px ≥ 32, scale_step > 1 and steps above 0 are needed, received {self}.")
        if not 0.0 < self.promising <= 1.0:
            raise OptionError(f"promising is a share, above 0 and up to 1, received {self.promising}.")


@final
class Correlator(RegistrationMethod):
    """Lays queries onto patches by correlation; without a prior, scales from 1/1.6 to 1.6 and all turns are tried."""

    name = "correlation"

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()

    def register(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        patch: Patch,
        *,
        valid: Bool[np.ndarray, "height width"] | None = None,
        prior: PosePrior | None = None,
    ) -> Registration:
        """Lay a query onto a patch by the best similarity, without correspondences; see the class it implements."""
        query, reference = Picture.of(pixels, valid), Picture.of(patch.pixels, patch.valid)
        known, where = prior or PosePrior(), patch.georeference
        every = (1.0 / known.scale_range, known.scale_range)
        expected = Expected.of(known, where.gsd_m_per_px, where.up_bearing_deg, unknown=every)
        middle = expected.scale or 1.0
        step, ratio, side = self.config.turn_step_deg, self.config.scale_step, self.config.side_px
        search = Search(query, reference, middle, expected.allowed, side, 1, step, ratio)
        rough = next(iter(search.over_promising(self.config.promising)), None)
        if rough is None:
            return _registration(None, 0.0, self.name)
        scale, turn = scale_and_turn(rough.transform, query.centre_px)
        around = Allowed((scale / ratio, scale * ratio), turn, step / 2.0)
        part, shift = _around(rough.transform, query, reference)
        search = Search(query, part, scale, around, side, 1, step / 4.0, ratio**0.25, _OVER)
        fine = next(iter(search.uphill()), None)
        best = rough
        if fine is not None and fine.score > rough.score:
            best = Peak(shift @ fine.transform, fine.score, rough.ratio, rough.z)
        coarse = max(1.0, math.sqrt(float(query.valid.sum())) * middle / self.config.side_px)
        return _registration(best, self.config.sigma_px * coarse, self.name)


def _around(transform: Transform, query: Picture, reference: Picture) -> tuple[Picture, Transform]:
    """The part of the reference that the query lies on, with some room, and the transform from it to the whole."""
    place = mapped(transform, query.outline_px)
    room = 0.15 * float(np.ptp(place, axis=0).max()) + _ROOM_PX
    low = np.clip(np.floor(place.min(axis=0) - room), 0, None).astype(int)
    high = np.minimum(np.ceil(place.max(axis=0) + room), reference.size_px).astype(int)
    part = reference.cut(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    return part, np.array([[1.0, 0.0, float(low[0])], [0.0, 1.0, float(low[1])], [0.0, 0.0, 1.0]])


def _registration(peak: Peak | None, sigma_px: float, name: str) -> Registration:
    nothing = np.zeros(0)
    empty = Correspondences(np.zeros((0, 2)), np.zeros((0, 2)), nothing, np.zeros(0, bool))
    if peak is None:
        return Registration(None, "similarity", empty, name)
    statistics = {"dense_score": peak.score, "dense_ratio": peak.ratio, "dense_z": peak.z, "sigma_px": sigma_px}
    return Registration(peak.transform, "similarity", empty, name, statistics, (sigma_px**2, 0.0, sigma_px**2))
