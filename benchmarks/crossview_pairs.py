"""Pairs of windows cut from pictures that lie on the Earth, with a known transform between them or from two places.

`Maker` cuts queries that are turned, tilted and changed in look, `tasks` says which sensors are compared at which
scale, and `pairs` draws matched and mismatched pairs of a site.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from crossview_pictures import (
    SENSORS,
    Picture,
    brighton,
    chips,
    cut,
    frame_picture,
    frames,
    homonim,
    sentinel,
    view,
    warped,
)
from whence.crossview.pose import ground_axes, jacobian_at, map_points
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch
from whence.samples.view import View


@dataclass(frozen=True, eq=False)
class Pair:
    """A query and a reference.

    Attributes:
        query: pixels of the query.
        reference: the patch.
        truth: transform from query to reference positions; ``None`` if they show different places.
        tolerance_px: mean error of the query's corners, in reference pixels, up to which a registration is right.
        site: of the query.
        kind: sensors, and how the two differ.
        gsd_m_per_px: metres on the ground a pixel of the query.
        heading_deg: bearing of its upward direction.
    """

    query: View
    reference: Patch
    truth: np.ndarray | None
    tolerance_px: float
    site: str
    kind: str
    gsd_m_per_px: float
    heading_deg: float


def between(
    query_to_picture: np.ndarray, size: tuple[int, int], source: GeoReference, target: GeoReference
) -> np.ndarray:
    """Transform from query positions to those of a reference, by way of the ground."""
    x, y = np.meshgrid(np.linspace(0, size[0], 5), np.linspace(0, size[1], 5))
    points = np.column_stack([x.ravel(), y.ravel()])
    there = map_points(query_to_picture, points)
    lat, lon = source.to_lat_lon(there[:, 0], there[:, 1])
    u, v = target.to_pixels(lat, lon)
    return cv2.findHomography(points, np.column_stack([u, v]), 0)[0]


def corner_error_px(found: np.ndarray, truth: np.ndarray, size: tuple[int, int]) -> float:
    """Mean distance of the query's corners and middle under two transforms, reference pixels."""
    w, h = size
    points = np.array([[0, 0], [w, 0], [w, h], [0, h], [w / 2, h / 2]], float)
    with np.errstate(all="ignore"):
        error = np.linalg.norm(map_points(found, points) - map_points(truth, points), axis=1).mean()
    return float(error) if np.isfinite(error) else 1e6


@dataclass(frozen=True)
class Maker:
    """Cuts queries that are turned, scaled, tilted and changed in look.

    Attributes:
        turn_deg: largest turn either way.
        scale: largest change of scale either way, as a factor.
        tilt: largest shift of a corner, as a share of the side.
        change: 0 keeps the look, 1 changes it as far as another season, haze and a poor lens do.
    """

    turn_deg: float = 180.0
    scale: float = 1.4
    tilt: float = 0.06
    change: float = 1.0

    def query(
        self, picture: Picture, x: float, y: float, side: float, out: int, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels of a query around a position, its mask, and the transform from it to the picture.

        Args:
            picture: to cut from.
            x: position in the picture.
            y: position in the picture.
            side: of the query on the picture, before its scale is changed.
            out: pixels a side.
            draw: randomness.
        """
        turn = np.radians(draw.uniform(-self.turn_deg, self.turn_deg))
        grow = float(np.exp(draw.uniform(-1, 1) * np.log(self.scale)))
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * side * grow / out
        corners = np.array([[0, 0], [out, 0], [out, out], [0, out]], float)
        there = (corners - out / 2) @ turned.T + [x, y] + draw.uniform(-1, 1, (4, 2)) * self.tilt * side
        transform = cv2.getPerspectiveTransform(corners.astype(np.float32), there.astype(np.float32)).astype(float)
        pixels, mask = warped(picture.patch.pixels, picture.patch.valid, np.linalg.inv(transform), (out, out))
        return self._changed(pixels, draw), mask, transform

    def _changed(self, pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        much = self.change * draw.uniform(0.0, 1.0)
        values = pixels.astype(np.float32) / 255
        mix = np.eye(3) + 0.35 * much * draw.uniform(-1, 1, (3, 3))
        values = np.clip(values @ mix.T.astype(np.float32), 0, 1) ** float(np.exp(0.7 * much * draw.uniform(-1, 1)))
        if draw.random() < 0.4 * much:  # another season: brightness is bent, in part turned over
            knots = np.sort(draw.random(4)) if draw.random() < 0.5 else draw.random(4)
            light = values.mean(axis=2, keepdims=True)
            values = values * 0.4 + 0.6 * np.interp(light, np.linspace(0, 1, 4), knots).astype(np.float32)
        if draw.random() < 0.6 * much:
            values = cv2.GaussianBlur(values, (0, 0), draw.uniform(0.4, 2.0))
        values = values + draw.normal(0, 0.06 * much, values.shape)
        out = np.ascontiguousarray(np.clip(values * 255, 0, 255).astype(np.uint8))
        side = out.shape[0]
        for _ in range(draw.integers(0, 1 + round(4 * much))):
            x, y = draw.integers(0, side, 2)
            size = int(draw.uniform(0.05, 0.3) * side)
            out[y : y + size, x : x + size] = draw.integers(0, 255, 3)
        return out


@dataclass(frozen=True)
class Task:
    """How pairs of one kind are cut.

    Attributes:
        source: where queries come from.
        target: where references come from.
        query_m: sides of queries, metres on the ground.
        step_m: of the reference's pixels, about.
        loose_m: by how much the truth may be off.
    """

    source: tuple[Picture, ...]
    target: tuple[Picture, ...]
    query_m: tuple[float, float]
    step_m: float
    loose_m: float

    @property
    def kind(self) -> str:
        """Sensors."""
        return f"{self.source[0].sensor}→{self.target[0].sensor}"


def tasks(site: str, data: Path) -> list[Task]:
    """The kinds of pairs that a site gives."""
    if site == "brighton":
        found = tuple(frame_picture(row, pixels) for row, pixels in frames(data))
        return [Task(found, (brighton(data),), (18.0, 34.0), 0.2, 4.5)]
    if site == "homonim":
        by = {name: tuple(p for p in homonim(data) if p.sensor == name) for name in set(SENSORS.values())}
        return [
            Task(by["aerial"], by["aerial"], (500, 1000), 6.0, 10.0),
            Task(by["aerial"], by["sentinel2"], (1200, 2200), 10.0, 15.0),
            Task(by["aerial"], by["landsat"], (2000, 3200), 30.0, 40.0),
            Task(by["sentinel2"], by["landsat"], (2400, 4500), 30.0, 40.0),
        ]
    if site == "sentinel":
        both = sentinel(data)
        visible, infrared = tuple(both[::2]), tuple(both[1::2])
        return [
            Task(visible, infrared, (650, 1100), 10.0, 10.0),
            Task(infrared, visible, (650, 1100), 10.0, 10.0),
            Task(visible, visible, (650, 1100), 10.0, 10.0),
        ]
    marble, relief = chips(data)
    return [
        Task((marble,), (marble,), (7e5, 1.3e6), 7000.0, 7000.0),
        Task((relief,), (marble,), (7e5, 1.3e6), 7000.0, 7000.0),
    ]


def pairs(
    site: str, data: Path, count: int, mismatched: float, maker: Maker, draw: np.random.Generator, found: list[Task]
) -> Iterator[Pair]:
    """Pairs of a site.

    Args:
        site: its name.
        data: folder with ``crossview`` and ``earth``.
        count: how many.
        mismatched: share of pairs of places that do not overlap.
        maker: changes the queries.
        draw: randomness.
        found: kinds of pairs of all sites, of which references of other places are taken one time in four.
    """
    own = tasks(site, data)
    made = 0
    for _ in range(60 * count):
        task = own[made % len(own)]
        wrong = draw.random() < mismatched
        pair = one_pair(task, site, wrong, maker, draw, found)
        if pair is not None:
            made += 1
            yield pair
        if made == count:
            return


def one_pair(
    task: Task, site: str, wrong: bool, maker: Maker, draw: np.random.Generator, found: list[Task]
) -> Pair | None:
    """One pair, or nothing where the drawn windows are blank, or overlap although they should not."""
    out = int(draw.integers(150, 260))
    source = task.source[draw.integers(len(task.source))]
    where = source.patch.georeference
    side_m = float(draw.uniform(*task.query_m))
    x, y = draw.uniform(0.1, 0.9, 2) * (where.width_px, where.height_px)
    across, down = where.gsd_at(x, y)
    if across < 0.35 * down:  # near the poles a plate carrée is no map
        return None
    query, mask, transform = maker.query(source, x, y, side_m / np.sqrt(across * down), out, draw)
    if mask.mean() < 0.85 or query[mask].std() < 5.0:
        return None
    far = wrong and bool(found) and draw.random() < 0.25
    other = found[draw.integers(len(found))] if far else task
    target = other.target[draw.integers(len(other.target))]
    if source.place and source.site == "sentinel" and not far:
        same = [p for p in task.target if (p.place == source.place) != wrong]
        target = same[draw.integers(len(same))]
    reference = _reference(source, target, (x, y), side_m * (other.query_m[0] / task.query_m[0]), wrong, other, draw)
    if reference is None:
        return None
    truth = None
    if not wrong:
        truth = between(transform, (out, out), where, reference.georeference)
    step = reference.georeference.gsd_m_per_px
    kind = task.kind + (" wrong site" if far else (" wrong place" if wrong else ""))
    tolerance = 0.03 * np.sqrt(2) * side_m / step + other.loose_m / step
    axes = ground_axes(where, x, y) @ jacobian_at(transform, out / 2, out / 2)
    gsd, heading = float(np.sqrt(abs(np.linalg.det(axes)))), float(np.degrees(np.arctan2(-axes[0, 1], -axes[1, 1])))
    return Pair(view(query, source.patch.name), reference, truth, tolerance, site, kind, gsd, heading % 360.0)


def _reference(
    source: Picture,
    target: Picture,
    at: tuple[float, float],
    side_m: float,
    wrong: bool,
    task: Task,
    draw: np.random.Generator,
) -> Patch | None:
    """A window of the target that holds a position of the source, or one that does not come near it."""
    place = target.patch.georeference
    side = side_m * draw.uniform(1.2, 2.2)
    lat, lon = source.patch.georeference.to_lat_lon(*at)
    u, v = (float(value) for value in place.to_pixels(float(lat), float(lon)))
    if wrong:
        x, y = draw.uniform(0.1, 0.9, 2) * (place.width_px, place.height_px)
    else:
        x, y = u, v
    if not (0 < x < place.width_px and 0 < y < place.height_px):
        return None
    across, down = place.gsd_at(x, y)
    local = float(np.sqrt(across * down))
    near = max(abs(x - u), abs(y - v)) * local < 0.75 * (side + side_m)
    if wrong and near and source.site == target.site and source.site != "sentinel":
        return None
    if not wrong:
        x, y = np.array([x, y]) + draw.uniform(-0.5, 0.5, 2) * (side - 0.8 * side_m) / local
    if source.site == "sentinel" and target.site == "sentinel":
        x, y, side = place.width_px / 2, place.height_px / 2, place.width_px * local
    step = task.step_m * float(np.exp(draw.uniform(-0.3, 0.3)))
    patch = cut(target, x, y, side / local, int(np.clip(side / step, 96, 420)))
    good = patch.valid.mean() > 0.6 and patch.pixels[patch.valid].std() > 5.0
    return patch if good else None
