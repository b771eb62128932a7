"""Generated terrain, windows of it with known geometry, and a small benchmark of them."""

from __future__ import annotations

import numpy as np

from whence.earth.tiles.georeference import GeoReference
from whence.evaluate.xbench.build import Config, build
from whence.evaluate.xbench.candidates import Candidate, similarity
from whence.evaluate.xbench.types import Truth
from whence.samples.view import ViewKind

METRE_DEG = 1e-5


def terrain(seed: int, side: int = 220) -> np.ndarray:
    """Blobs of several sizes and a few straight roads, RGB."""
    import cv2

    draw = np.random.default_rng(seed)
    out = np.zeros((side, side, 3), np.float32)
    for cells, weight in ((6, 0.35), (18, 0.3), (55, 0.35)):
        coarse = draw.random((cells, cells, 3)).astype(np.float32)
        out += weight * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(out * 255, 0, 255).astype(np.uint8)
    for _ in range(6):
        ends = draw.integers(0, side, 4).tolist()
        cv2.line(picture, tuple(ends[:2]), tuple(ends[2:]), (225, 225, 215), 3)
    return picture


def candidate(number: int, heading_deg: float = 30.0, at: tuple[float, float] = (105.0, 118.0)) -> Candidate:
    """A window of a terrain of its own, turned, with its truth; terrains lie a kilometre and more apart."""
    import cv2

    ground = terrain(number)
    lat, lon = 0.02 * number, 0.01
    place = GeoReference("EPSG:4326", (METRE_DEG, 0.0, lon, 0.0, -METRE_DEG, lat), 220, 220)
    gsd = place.gsd_m_per_px
    transform = similarity(at, heading_deg, gsd, place, (120, 120))
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    query = cv2.warpPerspective(ground, np.linalg.inv(half) @ np.linalg.inv(transform) @ half, (120, 120))
    truth = Truth(at, tuple(transform.ravel().tolist()), heading_deg % 360.0, gsd, 5.0)
    return Candidate(
        f"made{number}", f"place {number}", query, ViewKind.DRONE, ground, ViewKind.SATELLITE, place, truth,
        lat, lon, f"query {number}", f"ground {number}", "CC0",
    )  # fmt: skip


def benchmark(folder, count: int = 4, **settings):
    """A frozen benchmark of so many places."""
    config = Config(**{"name": "made", "easy": 1, "near": 1, "hard": 1, **settings})
    found = [
        candidate(i, 30.0 + 45.0 * i, (95.0 + 30.0 * (i % 2), 90.0 + 20.0 * (i // 2 % 2 * 2))) for i in range(count)
    ]
    return build(found, folder, config, ("made",))
