"""Pictures, patches and registrations made for tests of the verifier."""

from __future__ import annotations

import cv2
import numpy as np

from whence.crossview.pose import map_points
from whence.crossview.types import Correspondences, Registration
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch
from whence.samples.view import View, ViewKind

WHERE = GeoReference("EPSG:32636", (0.5, 0.0, 700000.0, 0.0, -0.5, 3550000.0), 300, 260)


def ground(seed=0, size=(300, 260)):
    """A picture with fields and roads."""
    draw = np.random.default_rng(seed)
    picture = np.full((size[1], size[0], 3), 110, np.uint8)
    for _ in range(70):
        corner, extent = draw.integers(0, size), draw.integers(10, 60, 2)
        box = cv2.boxPoints((tuple(map(float, corner)), tuple(map(float, extent)), float(draw.uniform(0, 90))))
        cv2.fillPoly(picture, [box.astype(np.int32)], [int(v) for v in draw.integers(20, 235, 3)])
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def patch_of(pixels, where=WHERE):
    return Patch(pixels, np.ones(pixels.shape[:2], bool), where, "made")


def view_of(pixels):
    return View(pixels, (pixels.shape[1], pixels.shape[0]), "query", "", "made", ViewKind.DRONE)


def turned(turn_deg=30.0, scale=0.9, at=(150.0, 130.0), size=(160, 140)):
    """Transform that puts the middle of a query somewhere, turned clockwise and scaled."""
    a = np.radians(turn_deg)
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.vstack([np.column_stack([linear, np.array(at) - linear @ (np.array(size) / 2)]), [0, 0, 1.0]])


def seen(pixels, transform, size=(160, 140)):
    """What a query shows under a transform."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    moved = np.linalg.inv(half) @ np.linalg.inv(transform) @ half
    return cv2.warpPerspective(pixels, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def registered(
    transform, inliers=60, outliers=40, noise=0.7, seed=0, size=(160, 140), model="similarity", matcher="sift"
):
    """Pairs of which some follow a transform."""
    draw = np.random.default_rng(seed)
    query = draw.uniform((0, 0), size, (inliers + outliers, 2))
    there = map_points(transform, query) + noise * draw.standard_normal(query.shape)
    there[inliers:] = draw.uniform((0, 0), (300, 260), (outliers, 2))
    inlier = np.arange(inliers + outliers) < inliers
    pairs = Correspondences(query, there, np.ones(len(query)), inlier)
    return Registration(transform, model, pairs, matcher, {}, (0.3, 0.0, 0.3))
