"""Candidates: matched pairs with their pixels and what is known of their geometry, out of any pair set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.errors import InputError
from whence.earth.tiles.georeference import GeoReference
from whence.evaluate.xbench.types import Truth
from whence.samples.datasets.pairs import Pair, Reference
from whence.samples.datasets.pairs.types import Window
from whence.samples.view import ViewKind


@dataclass(frozen=True, eq=False)
class Candidate:
    """A matched pair, in memory.

    Attributes:
        name: of the pair, unique.
        place: what tells its place from others.
        query: RGB.
        query_kind: from where it looks.
        reference: RGB, from above.
        reference_kind: kind of the reference.
        georeference: where the reference lies; ``None`` if not known.
        truth: how the query lies on it.
        lat_deg: latitude of the query; ``None`` if not known.
        lon_deg: longitude.
        query_source: what the query was taken from.
        reference_source: what the reference was taken from.
        licence: of both.
        told_gsd_m_per_px: ground sample distance of the query that systems may be told; need not be exact.
    """

    name: str
    place: str
    query: UInt8[np.ndarray, "_ _ 3"]
    query_kind: ViewKind
    reference: UInt8[np.ndarray, "_ _ 3"]
    reference_kind: ViewKind = ViewKind.SATELLITE
    georeference: GeoReference | None = None
    truth: Truth = field(default_factory=Truth)
    lat_deg: float | None = None
    lon_deg: float | None = None
    query_source: str = ""
    reference_source: str = ""
    licence: str = ""
    told_gsd_m_per_px: float | None = None


def candidates(
    pairs: Iterable[Pair], side_px: int, tolerance_px: float, generator: np.random.Generator
) -> Iterator[Candidate]:
    """Read pairs one by one.

    A reference that is larger than ``side_px`` is cut around the query's middle, which then lies anywhere in the inner
    half, or made smaller where nothing says where the middle is.

    Args:
        pairs: of any pair set.
        side_px: longest side of the pictures.
        tolerance_px: how exact positions of the set are, pixels of the reference after that.
        generator: draws where the middle lies in a cut reference.

    Raises:
        InputError: a picture cannot be read.
    """
    for number, pair in enumerate(pairs):
        query, shrunk = _fitted(_pixels(pair.query, pair.window), side_px)
        best = pair.references[0]
        reference, georeference, at = _reference(pair, best, side_px, generator)
        gsd = None if pair.gsd_m_per_px is None else pair.gsd_m_per_px * shrunk
        yield Candidate(
            f"{number:06d}",
            pair.place,
            query,
            pair.query_kind,
            reference,
            pair.reference_kind,
            georeference,
            _truth(pair, at, gsd, georeference, (query.shape[1], query.shape[0]), tolerance_px),
            pair.lat_deg,
            pair.lon_deg,
            _named(pair.query, pair.window),
            _named(best.path, best.window),
            pair.attributes.get("licence", ""),
            gsd,
        )


def similarity(
    at_px: tuple[float, float],
    heading_deg: float,
    gsd_m_per_px: float,
    reference: GeoReference,
    size_px: tuple[int, int],
) -> Float[np.ndarray, "3 3"]:
    """The transform of a query whose pose is known: it turns and scales about the query's middle.

    Args:
        at_px: where the query's middle lies in the reference.
        heading_deg: bearing of its upward direction.
        gsd_m_per_px: of the query.
        reference: where the reference lies.
        size_px: width and height of the query.
    """
    turn = math.radians(heading_deg - reference.up_bearing_deg)
    scale = gsd_m_per_px / reference.gsd_m_per_px
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    x, y = size_px[0] / 2.0, size_px[1] / 2.0
    return np.array(
        [[cos, -sin, at_px[0] - cos * x + sin * y], [sin, cos, at_px[1] - sin * x - cos * y], [0.0, 0.0, 1.0]]
    )


def _truth(
    pair: Pair,
    at_px: tuple[float, float] | None,
    gsd_m_per_px: float | None,
    reference: GeoReference | None,
    size_px: tuple[int, int],
    tolerance_px: float,
) -> Truth:
    transform = None
    above = pair.query_kind in {ViewKind.DRONE, ViewKind.SATELLITE, ViewKind.MAP}
    if above and at_px and reference is not None and gsd_m_per_px is not None and pair.heading_deg is not None:
        transform = tuple(similarity(at_px, pair.heading_deg, gsd_m_per_px, reference, size_px).ravel().tolist())
    return Truth(at_px, transform, pair.heading_deg, gsd_m_per_px, tolerance_px)


def _reference(
    pair: Pair, item: Reference, side_px: int, generator: np.random.Generator
) -> tuple[UInt8[np.ndarray, "_ _ 3"], GeoReference | None, tuple[float, float] | None]:
    """Pixels of a reference, where they lie, and where the query's middle is in them."""
    pixels = _pixels(item.path, None)
    height, width = pixels.shape[:2]
    place = None if item.bounds is None else GeoReference.of_bounds(item.bounds, width, height)
    at = item.at_px
    if at is not None and item.size_px is not None:
        at = (at[0] * width / item.size_px[0], at[1] * height / item.size_px[1])
    if at is None and place is not None and pair.lat_deg is not None and pair.lon_deg is not None:
        x, y = place.to_pixels(pair.lat_deg, pair.lon_deg)
        at = (float(x), float(y))
    left, top, wide, high = item.window or (0.0, 0.0, float(width), float(height))
    if item.window is None and at is not None and max(width, height) > side_px:
        wide, high = float(min(side_px, width)), float(min(side_px, height))
        left = float(np.clip(round(at[0] - wide * generator.uniform(0.25, 0.75)), 0, width - wide))
        top = float(np.clip(round(at[1] - high * generator.uniform(0.25, 0.75)), 0, height - high))
    cut, shrunk = _fitted(_cut(pixels, (left, top, wide, high)), side_px)
    if place is not None:
        place = place.window(left, top, wide, high, cut.shape[1], cut.shape[0])
    if at is not None:
        at = ((at[0] - left) / shrunk, (at[1] - top) / shrunk)
    return cut, place, at


def _pixels(path: Path, window: Window | None) -> UInt8[np.ndarray, "_ _ 3"]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"The picture {str(path)!r} of the pair set cannot be read ({error}).") from error
    return pixels if window is None else _cut(pixels, window)


def _cut(pixels: UInt8[np.ndarray, "_ _ 3"], window: Window) -> UInt8[np.ndarray, "_ _ 3"]:
    left, top, wide, high = (round(value) for value in window)
    return np.ascontiguousarray(pixels[max(0, top) : top + high, max(0, left) : left + wide])


def _fitted(pixels: UInt8[np.ndarray, "_ _ 3"], side_px: int) -> tuple[UInt8[np.ndarray, "_ _ 3"], float]:
    """A picture at most ``side_px`` long, and by what factor its pixels grew."""
    import cv2

    height, width = pixels.shape[:2]
    factor = max(height, width) / side_px
    if factor <= 1.0:
        return pixels, 1.0
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def _named(path: Path, window: Window | None) -> str:
    part = "" if window is None else " window " + " ".join(f"{value:g}" for value in window)
    return f"{path.parent.name}/{path.name}{part}"
