"""`RegistrationMethod`: what lays queries onto patches; and `Expected`, what is known of how a query lies on one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from whence.crossview.register.config import PosePrior
from whence.crossview.register.geometry import Allowed
from whence.crossview.types import Registration
from whence.earth.tiles.types import Patch


class RegistrationMethod(ABC):
    """Lays queries onto reference patches."""

    name: str
    """How it is called in registrations."""

    @abstractmethod
    def register(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        patch: Patch,
        *,
        valid: Bool[np.ndarray, "height width"] | None = None,
        prior: PosePrior | None = None,
    ) -> Registration:
        """Lay a query onto a patch; may be asked from several threads.

        Args:
            pixels: of the query, RGB, 8 bits.
            patch: the reference.
            valid: which pixels of the query hold data; without it, black areas at its edge do not.
            prior: what is known of its scale and heading.

        Returns:
            The best transform found, whether or not it is true, with statistics that tell; the same for the same
            query, patch and settings.

        Raises:
            ImageError: no pixel of the query or of the patch is valid.
        """


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the transform from a query to one reference.

    Attributes:
        scale: pixels of the reference a pixel of the query; ``None`` if unknown.
        turn_deg: clockwise; ``None`` if unknown.
        allowed: scales and turns that are looked for.
    """

    scale: float | None
    turn_deg: float | None
    allowed: Allowed

    @staticmethod
    def of(
        prior: PosePrior, gsd_m_per_px: float, up_bearing_deg: float, *, unknown: tuple[float, float] = (0.02, 50.0)
    ) -> Expected:
        """What a prior says on a reference.

        Args:
            prior: what is known.
            gsd_m_per_px: metres on the ground a pixel of the reference.
            up_bearing_deg: bearing of its upward direction.
            unknown: scales that are looked for where none is known.
        """
        scale, turn, middle, reach = None, None, 0.0, 180.0
        if prior.gsd_m_per_px is not None:
            scale = prior.gsd_m_per_px / gsd_m_per_px
            unknown = (scale / prior.scale_range, scale * prior.scale_range)
        if prior.heading_deg is not None:
            turn = (prior.heading_deg - up_bearing_deg + 180.0) % 360.0 - 180.0
            middle, reach = turn, prior.heading_range_deg
        return Expected(scale, turn, Allowed(unknown, middle, reach))
