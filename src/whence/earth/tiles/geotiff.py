"""`GeoTiffRaster`: GeoTIFF and whatever else rasterio opens, by windows and overviews (extra ``scale``)."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Bool

from whence.core.errors import ImageError, InputError, OptionError
from whence.core.optional import optional_import
from whence.earth.tiles.cache import ByteCache
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.pictures import stretch_ends, stretched
from whence.earth.tiles.resample import Block, cut_window
from whence.earth.tiles.types import Patch, Provenance, Raster

_OPEN_FILES = 32
_STRETCH_PX = 1024

_files: ByteCache[tuple[Any, threading.Lock]] = ByteCache(_OPEN_FILES)


@final
class GeoTiffRaster(Raster):
    """A raster file read by rasterio. Numbers beyond 8 bits are stretched between the 1st and 99th of a hundred.

    Args:
        path: the file.
        provenance: where it comes from.
        crs: coordinate system, if the file tells none.
        nodata: what pixels without data look like, if the file does not say (`whence.earth.tiles.pictures.NODATA`).
        bands: which are red, green and blue (or one for grey), counted from 1, as text; as the file says, if empty.

    Raises:
        MissingExtraError: rasterio is not installed.
        InputError: not such a file, or its place is not known.
    """

    def __init__(self, path: Path, provenance: Provenance, crs: str = "", bands: str = "", nodata: str = "") -> None:
        self._path, self._time = path, path.stat().st_mtime_ns
        self._rasterio = optional_import("rasterio", extra="scale", purpose="read GeoTIFF files by windows")
        file, _ = self._open()
        where = file.transform
        if not crs and file.crs is None:
            raise InputError(f"{path}: its coordinate system is not told. Give it, for example EPSG:32633.")
        code = None if file.crs is None else file.crs.to_epsg()
        name = crs or (f"EPSG:{code}" if code else file.crs.to_wkt())
        affine = (where.a, where.b, where.c, where.d, where.e, where.f)
        self.georeference = GeoReference(name, affine, file.width, file.height)
        self.name, self.provenance = str(path), provenance
        self._bands, self._nodata = _chosen(file, bands, path), nodata

    def read(
        self, x_px: float, y_px: float, width_px: float, height_px: float, out_width_px: int, out_height_px: int
    ) -> Patch:
        """Read a window; see `Raster.read`."""
        size = (self.georeference.width_px, self.georeference.height_px)
        window, out = (x_px, y_px, width_px, height_px), (out_width_px, out_height_px)
        try:
            pixels, valid = cut_window(self._block, size, window, out)
        except (self._rasterio.errors.RasterioError, OSError) as error:
            raise ImageError(f"{self.name}: cannot be read ({error}). Copy it again.") from error
        return Patch(pixels, valid, self.georeference.window(*window, *out), self.name, self.provenance)

    def _open(self) -> tuple[Any, threading.Lock]:
        def make() -> tuple[tuple[Any, threading.Lock], int]:
            try:
                return (self._rasterio.open(self._path), threading.Lock()), 1
            except (self._rasterio.errors.RasterioError, OSError) as error:
                raise InputError(f"{self._path}: not a raster file that can be read ({error}).") from error

        return _files.get((str(self._path), self._time), make)

    def _block(self, left: int, top: int, right: int, bottom: int, reduce: int) -> Block:
        """Read whole squares of ``reduce`` pixels; what is left over at the far edges makes smaller ones."""
        columns, rows = list(_parts(left, right, reduce)), list(_parts(top, bottom, reduce))
        values, valid = [], []
        for y, high, out_high in rows:
            found = [self._read(x, y, wide, high, out_wide, out_high) for x, wide, out_wide in columns]
            values.append(np.concatenate([part[0] for part in found], axis=1))
            valid.append(np.concatenate([part[1] for part in found], axis=1))
        known = np.concatenate(valid)
        pixels = self._eight_bits(np.concatenate(values), known)
        return Block(pixels, self._without_edges(pixels, known), left, top, reduce)

    def _read(
        self, x: int, y: int, width: int, height: int, out_width: int, out_height: int
    ) -> tuple[np.ndarray, Bool[np.ndarray, "h w"]]:
        from rasterio.enums import Resampling
        from rasterio.windows import Window

        file, lock = self._open()
        window, mean = Window(x, y, width, height), Resampling.average
        shape = (out_height, out_width)
        palette = len(self._bands) == 1 and self._palette is not None
        with lock:
            how = Resampling.nearest if palette else mean
            values = file.read(self._bands, window=window, out_shape=(len(self._bands), *shape), resampling=how)
            mask = file.dataset_mask(window=window, out_shape=shape, resampling=mean)
        values = np.moveaxis(values, 0, 2)
        valid = (mask >= 128) & np.isfinite(values).all(axis=2)
        if palette and self._palette is not None:
            values = self._palette[values[..., 0]]
        return values, valid

    @cached_property
    def _palette(self) -> np.ndarray | None:
        """Colours of a one-band picture of 8 bits, if it has a palette."""
        file, _ = self._open()
        try:
            told = file.colormap(1)
        except ValueError:
            return None
        out = np.zeros((256, 3), np.uint8)
        for value, colour in told.items():
            if 0 <= value < 256:
                out[value] = colour[:3]
        return out

    def _eight_bits(self, values: np.ndarray, valid: Bool[np.ndarray, "h w"]) -> np.ndarray:
        if values.dtype == np.uint8:
            out = np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values
            return np.ascontiguousarray(out * valid[..., None])
        return stretched(values.astype(np.float64), valid, self._ends)

    def _without_edges(self, pixels: np.ndarray, valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
        """Where only windows are read, all that is wholly black or white counts, at the edge or not."""
        if not self._nodata:
            return valid
        return valid & ((pixels > 0).any(axis=2) if self._nodata == "black" else (pixels < 255).any(axis=2))

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """Values that become 0 and 255, from a small copy of the whole picture."""
        width, height = self.georeference.width_px, self.georeference.height_px
        by = max(1, -(-max(width, height) // _STRETCH_PX))
        values, valid = self._read(0, 0, width, height, max(1, width // by), max(1, height // by))
        return stretch_ends(values[valid].astype(np.float64))


def is_placed(path: Path) -> bool:
    """Tell whether a file says where it lies.

    Raises:
        InputError: rasterio cannot open it.
    """
    rasterio = optional_import("rasterio", extra="scale", purpose="read GeoTIFF files by windows")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                return not file.transform.is_identity
    except (rasterio.errors.RasterioError, OSError) as error:
        raise InputError(f"{path}: not a raster file that can be read ({error}).") from error


def _parts(start: int, end: int, by: int) -> Iterator[tuple[int, int, int]]:
    """Begin, length and length after averaging: first whole squares, then what is left over."""
    whole = (end - start) // by
    if whole:
        yield start, whole * by, whole
    if start + whole * by < end:
        yield start + whole * by, end - start - whole * by, 1


def _chosen(file: Any, bands: str, path: Path) -> list[int]:
    if bands:
        try:
            chosen = [int(part) for part in bands.split(",")]
        except ValueError as error:
            raise OptionError(f"Bands are whole numbers, for example 4,3,2, received {bands!r}.") from error
        if len(chosen) not in {1, 3} or not all(1 <= band <= file.count for band in chosen):
            raise OptionError(f"{path}: give one or three bands within 1..{file.count}, received {bands!r}.")
        return chosen
    told = [colour.name for colour in file.colorinterp]
    if {"red", "green", "blue"} <= set(told):
        return [told.index(colour) + 1 for colour in ("red", "green", "blue")]
    colours = [i + 1 for i, name in enumerate(told) if name != "alpha"]
    return colours[:3] if len(colours) >= 3 else colours[:1]
