"""GPS position in the file's tags."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from whence.core.errors import OptionError
from whence.earth.coordinates import distance_km
from whence.earth.field import Field
from whence.evidence.types import Claim, EvidenceSource
from whence.samples.view import Metadata, Position, Query, Tagged

_R68_PER_SIGMA = 1.5096  # radius that holds 68.27 % of a plane Gaussian: sqrt(-2 ln(1 - 0.6827))
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Config:
    """Error model of the GPS tag."""

    assumed_error_m: float = 30.0
    "Error assumed when the tag states none: radius in metres that holds two thirds."
    least_error_m: float = 5.0
    "Errors stated smaller than this are not believed."
    stale_share: float = 0.05
    "How often the position is an old fix or the wrong end of a walk, 0..1."
    stale_km: float = 2.0
    "How far off such an old fix lies, km (one sigma)."
    wrong_share: float = 0.02
    "How often the position has nothing to do with the picture (edited, default, another trip), 0..1."
    null_wrong_share: float = 0.98
    "The same for a position within 100 m of latitude 0, longitude 0, where devices without a fix point."


class Exif(EvidenceSource):
    """Position that the file states, believed as far as such tags deserve."""

    NAME: ClassVar[str] = "exif"
    SUMMARY: ClassVar[str] = "GPS position in EXIF or XMP, with its stated or assumed error"
    NEEDS: ClassVar[str] = "a file with GPS tags"
    ERROR_MODEL: ClassVar[str] = (
        "Mixture: the stated error (30 m if none, wider when the numbers are rounded) 93 %, an old fix 2 km off "
        "5 %, a position that has nothing to do with the picture 2 % (98 % at null island)."
    )

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        for name in ("stale_share", "wrong_share", "null_wrong_share"):
            if not 0.0 < getattr(self.config, name) < 1.0:
                raise OptionError(f"exif.{name} must lie between 0 and 1, received {getattr(self.config, name)}.")

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim a position, and one a problem with a GPS tag."""
        claims: list[Claim] = []
        for index, view in enumerate(query.views):
            if view.metadata.position is not None:
                claims.append(self._position(view.metadata.position, view.metadata, index))
            claims += [
                Claim(kind="broken tag", read=problem, implies="nothing: the value is set aside", view=index)
                for problem in view.metadata.problems
                if "GPS" in problem or "position" in problem.lower()
            ]
        return tuple(claims)

    def _position(self, tag: Tagged[Position], metadata: Metadata, view: int) -> Claim:
        config, at = self.config, tag.value
        null_island = float(distance_km(at.lat_deg, at.lon_deg, 0.0, 0.0)) < 0.1
        wrong = config.null_wrong_share if null_island else config.wrong_share
        stated = metadata.position_error_m
        error_m = max(stated.value if stated else config.assumed_error_m, config.least_error_m)
        step_deg = _rounding_deg(at)
        sigma_km = math.hypot(error_m / 1000.0 / _R68_PER_SIGMA, step_deg * _KM_PER_DEGREE / math.sqrt(12.0))
        likelihood = Field.from_points(
            [at.lat_deg, at.lat_deg],
            [at.lon_deg, at.lon_deg],
            [1.0 - config.stale_share, config.stale_share],
            sigma_km=[sigma_km, math.hypot(sigma_km, config.stale_km)],
            floor=wrong,
        )
        read = f"{at.lat_deg:.6f}, {at.lon_deg:.6f} ({tag.origin})"
        if stated:
            read += f", stated error {stated.value:g} m"
        if null_island:
            implies = "probably no fix at all: devices without one write latitude 0, longitude 0"
        elif step_deg:
            implies = f"the camera stood near there; the numbers are rounded to {step_deg:g}°"
        else:
            implies = f"the camera stood within about {error_m:g} m of there"
        model = f"nothing to do with the picture in {wrong:.0%} of cases, an old fix in {config.stale_share:.0%}"
        return Claim(
            kind="null island" if null_island else "GPS position",
            read=read,
            implies=implies,
            error_model=model,
            likelihood=likelihood,
            view=view,
        )


def _rounding_deg(at: Position) -> float:
    """Step to which both coordinates are rounded, degrees; 0 if finer than 0.001°.

    Whole minutes and decimals are recognised; by chance both fall on a step of 0.001° once in 10⁴ tags
    written to five decimals, and then the error is overstated by 30 m at most.
    """
    for step in (1.0, 0.5, 0.25, 0.1, 1.0 / 60.0, 0.01, 0.001):
        if all(abs(v / step - round(v / step)) * step < 1e-7 for v in (at.lat_deg, at.lon_deg)):
            return step
    return 0.0
