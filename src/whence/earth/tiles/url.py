"""`TileUrl`: tiles of a server that the user named. Nothing is asked for otherwise.

What a server allows (keeping tiles, computing with them, how many an hour) is between it and the user; the template
carries the user's key if one is needed. Requests name this program, are spaced, and what came is kept on disk.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Int

from whence.core.errors import ImageError, OptionError
from whence.core.folders import cache_folder
from whence.core.version import __version__
from whence.earth.tiles.pyramid import TileRange, TileSource, tile_range_of
from whence.earth.tiles.sidecars import parse_bounds
from whence.earth.tiles.types import Provenance

MISSING = {204, 404, 410}
"""Answers that mean that there is no such tile."""

_MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class Config:
    """Which tiles a server is asked for, and how often."""

    url: str = ""
    "Template with {z}, {x} and {y} (or {-y} for rows from the south); nothing is downloaded without one."
    bounds: str = ""
    "Place that is asked for: north,south,west,east, degrees."
    zooms: str = ""
    "Zoom levels, for example 16,18."
    per_second: float = 2.0
    "Most requests a second."
    timeout_s: float = 20.0
    "How long an answer may take."
    cache: str = ""
    "Folder for what came; tiles in the user's cache folder if empty."
    max_tiles: int = 20000
    "Most tiles of the finest level: a guard against asking for a country by mistake."


@final
class TileUrl(TileSource):
    """Tiles of a server, inside bounds.

    Args:
        config: which.
        provenance: where they come from and what may be done with them.
        nodata: what pixels without data look like.

    Raises:
        OptionError: no template, no bounds, no zoom levels, or more tiles than allowed.
    """

    def __init__(self, config: Config, provenance: Provenance, nodata: str = "") -> None:
        parts = urlsplit(config.url)
        if parts.scheme not in {"http", "https"} or not all(key in config.url for key in ("{z}", "{x}")):
            raise OptionError(
                f"Tiles are downloaded only from an address that you give, http(s)://…/{{z}}/{{x}}/{{y}}.png, "
                f"received {config.url!r}."
            )
        if "{y}" not in config.url and "{-y}" not in config.url:
            raise OptionError(f"The address needs {{y}}, or {{-y}} for rows from the south, received {config.url!r}.")
        if not config.bounds or not config.zooms:
            raise OptionError("A tile server covers the Earth: give bounds (north,south,west,east) and zoom levels.")
        if not config.per_second > 0.0 or not config.timeout_s > 0.0:
            raise OptionError("per_second and timeout_s are above 0.")
        self.name, self.nodata, self.provenance, self._config = parts.netloc, nodata, provenance, config
        bounds = parse_bounds(config.bounds)
        edges = (bounds.north, bounds.south, bounds.west, bounds.east)
        self._levels = {zoom: tile_range_of(zoom, *edges) for zoom in _zooms(config.zooms)}
        span = self._levels[max(self._levels)]
        count = (span.x_max - span.x_min + 1) * (span.y_max - span.y_min + 1)
        if count > config.max_tiles:
            raise OptionError(
                f"The finest level would take {count:,} tiles, at most {config.max_tiles:,} are asked for. Choose "
                "smaller bounds or a coarser level, or raise max_tiles if the server's terms allow that."
            )
        base = Path(config.cache).expanduser() if config.cache else cache_folder() / "tiles"
        self._folder = base / hashlib.sha256(config.url.encode()).hexdigest()[:16]
        self._lock = threading.Lock()
        self._next = 0.0

    @property
    def levels(self) -> Mapping[int, TileRange]:
        """Zoom levels with their ranges."""
        return self._levels

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Content of a tile, from disk if it came before.

        Raises:
            ImageError: the server cannot be reached or answers with an error.
        """
        kept = self._folder / str(zoom) / str(x) / f"{y}.tile"
        if kept.is_file():
            return kept.read_bytes() or None
        data = self._asked(zoom, x, y)
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=kept.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data or b"")
        Path(partial).replace(kept)
        return data

    def addresses(self, zoom: int) -> Int[np.ndarray, "n 2"] | None:
        """Not known before asking."""
        return None

    def stamp(self) -> str:
        """The address and the levels: what a server changes is not noticed."""
        return f"{self._config.url} {self._config.bounds} {self._config.zooms}"

    def _asked(self, zoom: int, x: int, y: int) -> bytes | None:
        address = self._config.url
        for key, value in (("{z}", zoom), ("{x}", x), ("{y}", y), ("{-y}", 2**zoom - 1 - y)):
            address = address.replace(key, str(value))
        request = urllib.request.Request(address, headers={"User-Agent": f"whence/{__version__}"})  # noqa: S310
        name = f"{self.name} {zoom}/{x}/{y}"
        with self._lock:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + 1.0 / self._config.per_second
        try:
            with urllib.request.urlopen(request, timeout=self._config.timeout_s) as answer:  # noqa: S310
                if answer.status in MISSING:
                    return None
                data = answer.read(_MAX_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in MISSING:
                    return None
                raise ImageError(f"{name}: the server answers {error.code} {error.reason}.") from error
        except (urllib.error.URLError, OSError) as error:
            raise ImageError(f"{name}: the server cannot be reached ({error}).") from error
        if len(data) > _MAX_BYTES:
            raise ImageError(f"{name}: the answer has more than {_MAX_BYTES:,} bytes, which is no tile.")
        return data


def _zooms(text: str) -> list[int]:
    try:
        zooms = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise OptionError(f"Zoom levels are whole numbers, for example 16,18, received {text!r}.") from error
    if not zooms or not 0 <= zooms[0] <= zooms[-1] <= 24:
        raise OptionError(f"Zoom levels lie within 0..24, received {text!r}.")
    return zooms
