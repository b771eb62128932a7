"""A made raster of the whole Earth, in which every place has a colour of its own."""

from __future__ import annotations

import numpy as np


def made_world(width: int = 720) -> np.ndarray:
    """Red tells the latitude, green and blue the longitude; smooth everywhere but at the poles."""
    height = width // 2
    lat = np.radians(90 - (np.arange(height) + 0.5) * 180 / height)[:, None]
    lon = np.radians(-180 + (np.arange(width) + 0.5) * 360 / width)[None, :]
    red = np.broadcast_to((np.degrees(lat) + 90) / 180, (height, width))
    green, blue = 0.5 + 0.5 * np.cos(lon) + 0 * lat, 0.5 + 0.5 * np.sin(lon) + 0 * lat
    return np.rint(np.stack([red, green, blue], axis=2) * 255).astype(np.uint8)
