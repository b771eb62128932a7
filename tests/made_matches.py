"""Matches of generated ground, with a known transform."""

import math
from dataclasses import replace

import cv2
import numpy as np

from whence.crossview.types import Correspondences, Match, MatchClaim, Pose, Region, Registration
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch, Provenance
from whence.samples.view import View, ViewKind

HALF = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
SIDE = 300


def made_ground(seed, side=SIDE):
    """Fields, bare ground, water, roads and roofs, from the top."""
    generator = np.random.default_rng(seed)
    ground = np.full((side, side, 3), (88, 128, 66), np.uint8)
    for colour, count, size in (((168, 140, 104), 7, 34), ((60, 84, 120), 3, 30), ((52, 92, 46), 8, 26)):
        for _ in range(count):
            middle = generator.uniform(0, side, 2)
            angles = np.sort(generator.uniform(0, 2 * math.pi, 9))
            reach = size * generator.uniform(0.5, 1.2, (9, 1))
            blob = middle + reach * np.column_stack([np.cos(angles), np.sin(angles)])
            cv2.fillPoly(ground, [blob.astype(np.int32)], colour)
    for _ in range(3):
        (x, y), turn = generator.uniform(0.2 * side, 0.8 * side, 2), generator.uniform(0, math.pi)
        step = side * np.array([math.cos(turn), math.sin(turn)])
        ends = [tuple(int(v) for v in (x, y) + sign * step) for sign in (-1, 1)]
        cv2.line(ground, *ends, (206, 202, 196), 4)
    for x, y in generator.integers(10, side - 20, (14, 2)):
        cv2.rectangle(ground, (int(x), int(y)), (int(x) + 8, int(y) + 6), (236, 232, 226), -1)
    noise = generator.normal(0.0, 4.0, ground.shape)
    return np.clip(cv2.GaussianBlur(ground, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)


def made_transform(x=150.0, y=150.0, turn_deg=25.0, scale=0.9, width=160, height=140):
    """A similarity that lays the query's middle onto (x, y)."""
    turn = math.radians(turn_deg)
    rotation = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shift = np.array([x, y]) - rotation @ np.array([width / 2, height / 2])
    return np.vstack([np.column_stack([rotation, shift]), [0.0, 0.0, 1.0]])


def made_query(ground, transform, width=160, height=140, seed=1):
    """What a view with that transform sees, darker and with noise of its own."""
    matrix = np.linalg.inv(HALF) @ transform @ HALF
    seen = cv2.warpPerspective(ground, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    noise = np.random.default_rng(seed).normal(0.0, 4.0, seen.shape)
    return np.clip(0.85 * seen + noise, 0, 255).astype(np.uint8)


def made_pairs(transform, count=40, wrong=20, width=160, height=140, seed=2):
    """Pairs of points, the first ``count`` of which fit a transform."""
    generator = np.random.default_rng(seed)
    query = generator.uniform((0, 0), (width, height), (count + wrong, 2))
    homogeneous = np.column_stack([query, np.ones(len(query))]) @ transform.T
    reference = homogeneous[:, :2] / homogeneous[:, 2:]
    reference[count:] = generator.uniform(0, SIDE, (wrong, 2))
    score = np.concatenate([np.linspace(1.0, 0.6, count), np.full(wrong, 0.3)])
    return Correspondences(query, reference, score, np.arange(count + wrong) < count)


def made_match(seed=3, *, other=None, transform=None, accepted=True, found=True):
    """A match of generated ground; ``other`` is the seed of the reference's ground if it is not the query's."""
    matrix = made_transform() if transform is None else transform
    ground = made_ground(seed)
    reference = ground if other is None else made_ground(other)
    pixels = made_query(ground, matrix)
    height, width = pixels.shape[:2]
    pairs = made_pairs(matrix)
    view = View(pixels, (width, height), "folder/query <b>.jpg", "ab" * 32, "JPEG", ViewKind.DRONE)
    georeference = GeoReference("EPSG:3857", (0.5, 0.0, 500000.0, 0.0, -0.5, -4000000.0), SIDE, SIDE)
    patch = Patch(
        reference,
        np.ones(reference.shape[:2], bool),
        georeference,
        "ortho.tif",
        Provenance("Made ground", "CC0-1.0", "", "2026-01-01"),
    )
    hull = ((10.0, 10.0), (120.0, 12.0), (110.0, 120.0))
    claims = (
        MatchClaim(
            "point matches",
            "agrees" if accepted else "contradicts",
            {"inliers": 40, "pairs": 60, "chance": 3.2},
            3.0 if accepted else -4.0,
            (Region("query", hull), Region("reference", tuple((x + 20, y + 30) for x, y in hull))),
            "Pairs within reach of the transform.",
        ),
        MatchClaim("scale", "unclear", {"gsd_m_per_px": 0.4}, 0.0, (), "Ground size of a query pixel."),
    )
    pose = Pose(-33.7, 4.49, 25.0, 0.4, (0.3, 0.1, 0.2), 0.4, 0.01)
    log_odds = claims[0].log_odds
    match = Match(
        view,
        patch,
        Registration(matrix, "similarity", pairs, "sift"),
        accepted,
        1 / (1 + math.exp(-log_odds)),
        0.9,
        pose,
        claims,
        0.0,
        ("40 of 60 pairs fit one transform.",),
        {"register": 12.0},
    )
    lat, lon = georeference.to_lat_lon(150.0, 150.0)
    match = replace(match, pose=replace(pose, lat_deg=float(lat), lon_deg=float(lon)))
    if found:
        return match
    gone = replace(match.registration, transform=None)
    return replace(match, registration=gone, pose=None, accepted=False, probability=0.0)
