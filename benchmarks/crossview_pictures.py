"""Pictures that lie on the Earth and may be published with attribution, and pairs of windows cut from them.

`pictures` reads brighton (drone frames and an orthophoto), homonim (one site in five sensors), sentinel (visible and
near infrared) and the world chips (Blue Marble and relief). `crossview_pairs` cuts pairs from them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from whence.crossview.pose import map_points
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch, Provenance
from whence.samples.view import View, ViewKind

SITES = ("brighton", "homonim", "sentinel", "chips")
SENSORS = {"ngi": "aerial", "sentinel2": "sentinel2", "landsat8": "landsat", "modis": "modis"}


@dataclass(frozen=True, eq=False)
class Picture:
    """A whole picture of a site.

    Attributes:
        patch: pixels with their place.
        site: of `SITES`.
        sensor: what took it.
        place: pictures of one place overlap, those of two do not; empty where windows decide.
    """

    patch: Patch
    site: str
    sensor: str
    place: str = ""


def rgb(path: Path) -> np.ndarray:
    """Pixels of a file, RGB."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def view(pixels: np.ndarray, name: str = "query", kind: ViewKind = ViewKind.DRONE) -> View:
    """A query of pixels."""
    return View(np.ascontiguousarray(pixels), (pixels.shape[1], pixels.shape[0]), name, "", "made", kind)


def _picture(pixels: np.ndarray, where: GeoReference, site: str, sensor: str, name: str, place: str = "") -> Picture:
    empty = pixels.max(axis=2) < 2 if site != "brighton" else pixels.min(axis=2) > 250
    empty = cv2.morphologyEx(empty.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)).astype(bool)
    return Picture(Patch(pixels, ~empty, where, name, Provenance(site)), site, sensor, place)


def brighton(data: Path) -> Picture:
    """The orthophoto."""
    folder = data / "crossview" / "brighton"
    from whence.earth.coordinates import Bounds

    edges = json.loads((folder / "ortho.json").read_text())["bounds"]
    bounds = Bounds(edges["south"], edges["west"], edges["north"], edges["east"])
    pixels = rgb(folder / "ortho_north_up.jpg")
    where = GeoReference.of_bounds(bounds, pixels.shape[1], pixels.shape[0])
    return _picture(pixels, where, "brighton", "orthophoto", "ortho_north_up.jpg", "brighton")


def frames(data: Path) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Frames of brighton, each with its row of pose.csv."""
    folder = data / "crossview" / "brighton"
    with (folder / "pose.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row, rgb(folder / row["file"])


def homonim(data: Path) -> list[Picture]:
    """Aerial strips, Sentinel-2, Landsat and MODIS of one site."""
    folder = data / "crossview" / "homonim"
    facts = json.loads((folder / "georef.json").read_text())
    found = []
    for name, fact in facts["files"].items():
        sensor = next(label for stem, label in SENSORS.items() if name.startswith(stem))
        pixels = _modis(folder / name) if sensor == "modis" else rgb(folder / name.replace("8.npz", "8_rgb.png"))
        where = GeoReference(facts["crs"], tuple(fact["affine_a_b_c_d_e_f"]), pixels.shape[1], pixels.shape[0])
        found.append(_picture(pixels, where, "homonim", sensor, name, ""))
    return found


def _modis(path: Path) -> np.ndarray:
    with np.load(path) as file:
        bands = file["data"].astype(float)
    chosen = np.moveaxis(np.where(bands < -1e4, np.nan, bands)[[0, 3, 2]], 0, 2)
    low, high = np.nanpercentile(chosen, [1, 99])
    return np.clip(np.nan_to_num((chosen - low) / (high - low)) * 255, 0, 255).astype(np.uint8)


def sentinel(data: Path) -> list[Picture]:
    """Patches in visible light and in near infrared, two after one another."""
    folder = data / "crossview" / "sentinel"
    found = []
    with (folder / "patches.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            x, y, step = float(row["x_epsg3035"]), float(row["y_epsg3035"]), float(row["gsd_m"])
            for sensor in ("rgb", "nir"):
                name = f"{row['patch_id']}_{sensor}.jpg"
                pixels = rgb(folder / name)
                h, w = pixels.shape[:2]
                corner = (x - step * w / 2, y + step * h / 2)
                where = GeoReference("EPSG:3035", (step, 0.0, corner[0], 0.0, -step, corner[1]), w, h)
                found.append(_picture(pixels, where, "sentinel", sensor, name, row["patch_id"]))
    return found


def chips(data: Path) -> list[Picture]:
    """Blue Marble and relief of the whole world."""
    found = []
    for name, sensor in (("bluemarble.jpg", "bluemarble"), ("relief.jpg", "relief")):
        pixels = rgb(data / "earth" / name)
        where = GeoReference("EPSG:4326", (360 / 5400, 0.0, -180.0, 0.0, -180 / 2700, 90.0), 5400, 2700)
        found.append(_picture(pixels, where, "chips", sensor, name, ""))
    return found


def cut(picture: Picture, x: float, y: float, side: float, out: int) -> Patch:
    """A north-up window around a position of a picture, resized; parts outside are not valid."""
    scale = out / side
    move = np.array([[scale, 0.0, (side / 2 - x) * scale], [0.0, scale, (side / 2 - y) * scale], [0.0, 0.0, 1.0]])
    pixels, valid = warped(picture.patch.pixels, picture.patch.valid, move, (out, out))
    where = picture.patch.georeference.window(x - side / 2, y - side / 2, side, side, out, out)
    return Patch(pixels, valid, where, f"{picture.patch.name} {x:.0f} {y:.0f}", picture.patch.provenance)


def warped(
    pixels: np.ndarray, valid: np.ndarray, transform: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and mask after a transform of positions, smoothed first where they shrink."""
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    moved = np.linalg.inv(half) @ transform @ half
    shrink = 1.0 / np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    region = cv2.boundingRect(
        map_points(np.linalg.inv(transform), np.array([[0, 0], [size[0], 0], size, [0, size[1]]], float)).astype(
            np.float32
        )
    )
    left, top = max(0, region[0] - 8), max(0, region[1] - 8)
    part = pixels[top : region[1] + region[3] + 8, left : region[0] + region[2] + 8]
    mask = valid[top : region[1] + region[3] + 8, left : region[0] + region[2] + 8]
    if part.size == 0:
        return np.zeros((size[1], size[0], 3), np.uint8), np.zeros((size[1], size[0]), bool)
    if shrink > 1.2:
        part = cv2.GaussianBlur(part, (0, 0), 0.5 * shrink)
    moved = moved @ np.array([[1.0, 0.0, left], [0.0, 1.0, top], [0.0, 0.0, 1.0]])
    there = cv2.warpPerspective(part, moved, size, flags=cv2.INTER_CUBIC)
    known = cv2.warpPerspective(mask.astype(np.uint8), moved, size, flags=cv2.INTER_NEAREST)
    return there, known.astype(bool)


def frame_picture(row: dict[str, str], pixels: np.ndarray) -> Picture:
    """A frame of brighton where its measured pose lays it: truth for labels, good to some 3 m."""
    lat, lon, turn = float(row["lat_deg"]), float(row["lon_deg"]), np.radians(float(row["image_up_bearing_deg"]))
    h, w = pixels.shape[:2]
    step = float(row["gsd_m_1024"]) * 1024 / w
    c, s = np.cos(turn) * step, np.sin(turn) * step
    affine = (c, -s, -c * w / 2 + s * h / 2, -s, -c, s * w / 2 + c * h / 2)
    crs = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m +no_defs"
    return _picture(pixels, GeoReference(crs, affine, w, h), "brighton", "frame", row["file"], row["file"])
