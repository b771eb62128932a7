"""`find_places`: where in the reference pictures a query is worth registering."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whence.core.errors import OptionError
from whence.crossview.ground import Ground
from whence.crossview.known import Known
from whence.crossview.rerank import ordered_inside
from whence.earth.coordinates import destination, distance_km
from whence.earth.field import CellRegion, Field
from whence.samples.view import View, ViewKind

Within = CellRegion | Field
"""A region, or a belief of which the region that holds most is taken."""

_SMALLER, _LEAST_PX = 0.25, 128
"""The second size that a query of unknown scale may have, as a share of the area, and its least pixels."""

_SAME_SHARE = 0.3
_STEP = 1.25
_SAME_SCALE = 1.5


@dataclass(frozen=True)
class Config:
    """How many places, and how they are chosen."""

    count: int = 10
    "Places that are registered, the most alike first."
    asked: int = 200
    "Windows that a search returns before those that show the same ground are joined."
    whole_px: int = 2048
    "An area that fits into so many pixels at the query's resolution is one place."
    areas: int = 64
    "An area without embeddings is covered by at most so many places."
    inside: int = 20
    "Places that are re-ranked, and moved, by models that also find where in a tile a view lies; 0 for none."

    def __post_init__(self) -> None:
        if min(self.count, self.asked, self.whole_px, self.areas) < 1 or self.inside < 0:
            raise OptionError(
                f"candidates.count, asked, whole_px and areas are 1 at least, inside 0 at least, received {self}."
            )


@dataclass(frozen=True, slots=True)
class Place:
    """A square on the ground.

    Attributes:
        lat_deg: latitude of its middle.
        lon_deg: longitude.
        side_m: its side.
        shown_m: how much ground the query is thought to show along its long side.
        score: how alike the query is, 0 if that was not asked.
        heading_deg: in which the query was most alike; ``None`` if it was not turned.
        sigma_m: standard deviation of the middle along an axis, where a model says it; ``None`` if the query may lie
            anywhere in the square.
        row: of the window of the set that the square is; ``None`` for other squares.
    """

    lat_deg: float
    lon_deg: float
    side_m: float
    shown_m: float
    score: float = 0.0
    heading_deg: float | None = None
    sigma_m: float | None = None
    row: int | None = None


def find_places(query: View, ground: Ground, known: Known, within: Within | None, config: Config) -> tuple[Place, ...]:
    """Places to register a query at, the most promising first.

    A small area is one place if the query's scale is known. Else windows are sought by likeness, inside the area if one
    is given, which tells a scale too; where the references have no embeddings of this kind of view, a small area is
    asked at two scales, and a large one is covered by places from its middle outwards.

    Args:
        query: at its working size.
        ground: where to look.
        known: of the query, in its pixels.
        within: where to look only.
        config: settings.

    Raises:
        OptionError: nothing limits the area, and the references have no embeddings for this kind of view.
    """
    long_px = max(query.pixels.shape[:2])
    shown = None if known.gsd_m_per_px is None else known.gsd_m_per_px * long_px
    area = _area(known, ground)
    if area is not None:
        # Steps, so that views from about one height share a patch, whose features are then found once.
        side = 2.0 * area[2] + (0.0 if shown is None else _STEP ** math.ceil(math.log(shown, _STEP)))
        gsd = max(known.gsd_m_per_px or 0.0, ground.finest_gsd_m(area[0], area[1]))
        if side / gsd <= config.whole_px and not (shown is None and ground.can_search(query.kind)):
            sizes = [side, side * _SMALLER] if shown is None and side * _SMALLER / gsd >= _LEAST_PX else [shown or side]
            return tuple(Place(area[0], area[1], side, size) for size in sizes)
    if ground.can_search(query.kind):
        return _by_likeness(query, ground, known, within, config)
    if area is None or not math.isfinite(area[2]):
        raise OptionError(
            f"The references have no embeddings for {query.kind.value} views, and nothing says where to look. "
            "Give --near LAT,LON,M, or embed the references: whence tiles add SET PATH --model vlad."
        )
    return _covering(area, shown, known, ground, config)


def _area(known: Known, ground: Ground) -> tuple[float, float, float] | None:
    """Middle and radius of what is searched: what is known, else all there is."""
    if known.lat_deg is not None and known.lon_deg is not None and math.isfinite(known.radius_m):
        return known.lat_deg, known.lon_deg, known.radius_m
    return ground.extent()


def _by_likeness(query: View, ground: Ground, known: Known, within: Within | None, config: Config) -> tuple[Place, ...]:
    encoder = ground.encoder()
    north = query.kind in (ViewKind.SATELLITE, ViewKind.MAP) and known.heading_deg is None
    if known.heading_deg is not None:
        headings = [known.heading_deg, known.heading_deg + 180.0]
    elif north or encoder.turns == 1:
        headings = [0.0]
    else:
        headings = [360.0 * i / encoder.turns for i in range(encoder.turns)]
    turned = [upright(query.pixels, heading) for heading in headings]
    vectors = encoder.embed(turned, query.kind)
    near = None
    if known.lat_deg is not None and known.lon_deg is not None and math.isfinite(known.radius_m):
        near = (known.lat_deg, known.lon_deg, known.radius_m)
    hits = ground.search(vectors, config.asked, within=within, near=near)
    sides = ground.windows.side_m
    shown = None if known.gsd_m_per_px is None else known.gsd_m_per_px * max(query.pixels.shape[:2])
    reader = encoder.inside if config.inside and query.kind is not ViewKind.SATELLITE else None
    count = max(config.count, config.inside) if reader is not None else config.count
    found: list[Place] = []
    for at in np.argsort(-hits.scores, axis=None, kind="stable"):
        turn, rank = divmod(int(at), hits.scores.shape[1])
        row, score = int(hits.rows[turn, rank]), float(hits.scores[turn, rank])
        if row < 0 or not math.isfinite(score):
            continue
        side = float(sides[row])
        if shown is not None and not fits(side, shown):
            continue
        lat, lon = float(hits.lat_deg[turn, rank]), float(hits.lon_deg[turn, rank])
        heading = headings[turn] % 360.0 if len(headings) > 1 else None
        if all(_apart(lat, lon, side, other) for other in found):
            found.append(Place(lat, lon, side, side, score, heading, row=row))
        if len(found) == count:
            break
    if reader is None:
        return tuple(found)
    by_heading = dict(zip([h % 360.0 for h in headings] if len(headings) > 1 else [None], turned, strict=True))
    moved = ordered_inside(by_heading, query.kind, found, ground, reader, shown)
    return _once(moved)[: config.count]


def _once(places: Sequence[Place]) -> tuple[Place, ...]:
    """Places without those that a model moved to where a better one is: overlapping tiles show the same ground."""
    out: list[Place] = []
    for place in places:
        away = [float(distance_km(place.lat_deg, place.lon_deg, other.lat_deg, other.lon_deg)) * 1e3 for other in out]
        if all(
            metres > _SAME_SHARE * min(place.shown_m, other.shown_m) for metres, other in zip(away, out, strict=True)
        ):
            out.append(place)
    return tuple(out)


def fits(side_m: float, shown_m: float) -> bool:
    """Whether a window is of about the size of what the query shows; windows come in steps of two."""
    return 0.4 <= side_m / shown_m <= 3.0


def _apart(lat: float, lon: float, side: float, other: Place) -> bool:
    if not 1 / _SAME_SCALE <= side / other.side_m <= _SAME_SCALE:
        return True
    away = float(distance_km(lat, lon, other.lat_deg, other.lon_deg)) * 1e3
    return away > _SAME_SHARE * min(side, other.side_m)


def _covering(
    area: tuple[float, float, float], shown: float | None, known: Known, ground: Ground, config: Config
) -> tuple[Place, ...]:
    """Squares over a disc, half a query's ground into each other, from the middle outwards."""
    lat, lon, radius = area
    gsd = max(known.gsd_m_per_px or 0.0, ground.finest_gsd_m(lat, lon))
    side = config.whole_px * gsd
    step = max(side - (shown or side / 2.0), side / 2.0)
    reach = math.ceil(radius / step)
    east, north = (
        axis.ravel() * step for axis in np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    )
    away = np.hypot(east, north)
    inside = away <= radius + side / 2.0
    order = np.argsort(away[inside], kind="stable")
    if len(order) > config.areas:
        raise OptionError(
            f"Covering {radius / 1e3:.1f} km around {lat:.4f}, {lon:.4f} takes {len(order)} places of {side:.0f} m, "
            f"more than candidates.areas = {config.areas}. Narrow --near, or embed the references: "
            "whence tiles add SET PATH --model vlad."
        )
    out = []
    for i in order:
        e, n = float(east[inside][i]), float(north[inside][i])
        at_lat, at_lon = destination(lat, lon, math.degrees(math.atan2(e, n)), math.hypot(e, n) / 1e3)
        if ground.mosaic.covering(float(at_lat), float(at_lon), side):
            out.append(Place(float(at_lat), float(at_lon), side, shown or side / 2.0))
    return tuple(out)


def upright(pixels: np.ndarray, heading_deg: float) -> np.ndarray:
    """The picture turned so that north is up, if its upward direction has this bearing; corners become black."""
    if heading_deg % 360.0 == 0.0:
        return pixels
    import cv2

    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2.0 - 0.5, height / 2.0 - 0.5), -heading_deg, 1.0)
    c, s = abs(math.cos(math.radians(heading_deg))), abs(math.sin(math.radians(heading_deg)))
    size = (math.ceil(width * c + height * s), math.ceil(width * s + height * c))
    turn[:, 2] += [(size[0] - width) / 2.0, (size[1] - height) / 2.0]
    return np.asarray(cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_LINEAR))
