"""`open_rasters`: reference pictures of any kind from a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from whence.core.errors import InputError
from whence.core.optional import is_installed
from whence.earth.tiles.folders import TileFolder, is_tile_folder
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mbtiles import MBTiles
from whence.earth.tiles.pictures import NODATA, PictureRaster, picture_size
from whence.earth.tiles.pmtiles import PMTiles
from whence.earth.tiles.pyramid import tile_levels
from whence.earth.tiles.sidecars import parse_bounds, read_sidecar, read_world_file, sidecar_of, world_file_of
from whence.earth.tiles.tiffkeys import tiff_reference
from whence.earth.tiles.types import Provenance, Raster

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".jp2", ".mbtiles", ".pmtiles", ".vrt")
"""Files that are looked for in a folder."""

_RASTERIO = (".tif", ".tiff", ".jp2", ".vrt", ".img")


@dataclass(frozen=True)
class Config:
    """How reference pictures are read, and what is told of them."""

    bounds: str = ""
    "Place of a plain picture: north,south,west,east of its outer edges, degrees."
    crs: str = ""
    "Coordinate system of a world file, or of a GeoTIFF that tells none, for example EPSG:3857."
    tms: bool = False
    "Rows of a tile folder are counted from the south (TMS), not from the north."
    bands: str = ""
    "Bands of a GeoTIFF that are red, green and blue, for example 4,3,2; as the file says if empty."
    nodata: str = ""
    "What pixels without data look like: black or white; only areas that touch the edge of a picture count."
    source: str = ""
    "Who made the pictures."
    licence: str = ""
    "What may be done with them."
    date: str = ""
    "When the ground was pictured, ISO 8601."

    def __post_init__(self) -> None:
        if self.nodata not in NODATA:
            raise InputError(f"nodata is 'black', 'white' or empty, received {self.nodata!r}.")
        if self.bounds:
            parse_bounds(self.bounds)


def open_rasters(path: Path | str, config: Config | None = None) -> tuple[Raster, ...]:
    """Open every reference picture at a path, without reading pixels.

    Args:
        path: a folder of web tiles, an MBTiles or PMTiles file, a GeoTIFF, a plain picture with a sidecar, a world
            file or bounds, or a folder of such files.
        config: what the files do not tell.

    Returns:
        Rasters; of a pyramid one a zoom level, the finest first.

    Raises:
        InputError: nothing there, or nothing whose place is known.
    """
    return open_all(path, config)[0]


def open_all(path: Path | str, config: Config | None = None) -> tuple[tuple[Raster, ...], dict[str, str]]:
    """As `open_rasters`, and what in a folder could not be used, by file, with the reason.

    Args:
        path: file or folder.
        config: what the files do not tell.

    Raises:
        InputError: nothing there, or nothing whose place is known.
    """
    path, config = Path(path), config or Config()
    if path.is_dir() and not is_tile_folder(path):
        return _open_folder(path, config)
    if path.is_dir():
        return tile_levels(TileFolder(path, _provenance(path, config), tms=config.tms, nodata=config.nodata)), {}
    if not path.exists():
        raise InputError(f"{path}: no such file or folder.")
    return _open_file(path, config), {}


def _open_file(path: Path, config: Config) -> tuple[Raster, ...]:
    if path.suffix.lower() == ".mbtiles":
        return tile_levels(MBTiles(path, _provenance(path, config), config.nodata))
    if path.suffix.lower() == ".pmtiles":
        return tile_levels(PMTiles(path, _provenance(path, config), config.nodata))
    return (_open_picture(path, config),)


def open_raster(path: Path | str, config: Config | None = None) -> Raster:
    """Open the one reference picture at a path; the finest level of a pyramid.

    Raises:
        InputError: as `open_rasters`.
    """
    return open_rasters(path, config)[0]


def _open_folder(path: Path, config: Config) -> tuple[tuple[Raster, ...], dict[str, str]]:
    found: list[Raster] = []
    problems: dict[str, str] = {}
    for file in _files(path):
        try:
            found.extend(_open_file(file, config))
        except InputError as error:
            problems[file.name] = str(error)
    if not found:
        told = f" The first of {len(problems)} problems: {next(iter(problems.values()))}" if problems else ""
        raise InputError(f"{path}: no tiles ({{z}}/{{x}}/{{y}}.png), and no pictures whose place is known.{told}")
    return tuple(found), problems


def _files(path: Path) -> Iterator[Path]:
    for file in sorted(path.iterdir()):
        if file.is_file() and file.suffix.lower() in PICTURES:
            yield file


def _open_picture(path: Path, config: Config) -> Raster:
    provenance, beside = _provenance(path, config), sidecar_of(path)
    if config.bounds:
        where = GeoReference.of_bounds(parse_bounds(config.bounds), *picture_size(path))
        return PictureRaster(path, where, provenance, config.nodata)
    if beside is not None:
        told = read_sidecar(beside, *picture_size(path))
        provenance = replace(
            provenance,
            source=config.source or told.source or provenance.source,
            licence=config.licence or told.licence,
            date=config.date or told.date,
        )
        return PictureRaster(path, told.georeference, provenance, config.nodata or told.nodata)
    if path.suffix.lower() in _RASTERIO:
        found = _open_geotiff(path, config, provenance)
        if found is not None:
            return found
    world = world_file_of(path)
    if world is not None:
        where = read_world_file(world, config.crs, *picture_size(path))
        return PictureRaster(path, where, provenance, config.nodata)
    raise InputError(
        f"{path}: it is not told where this picture lies. Give its bounds (north,south,west,east), a world file, or a "
        f"sidecar {path.stem}.georef.json."
    )


def _open_geotiff(path: Path, config: Config, provenance: Provenance) -> Raster | None:
    """A file that says where it lies; ``None`` if it does not."""
    if is_installed("rasterio"):
        from whence.earth.tiles.geotiff import GeoTiffRaster, is_placed

        if is_placed(path):
            return GeoTiffRaster(path, provenance, config.crs, config.bands, config.nodata)
        return None
    where = tiff_reference(path, config.crs)
    return None if where is None else PictureRaster(path, where, provenance, config.nodata)


def _provenance(path: Path, config: Config) -> Provenance:
    return Provenance(config.source or path.name, config.licence, str(path), config.date)
