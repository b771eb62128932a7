"""``whence tiles``: reference pictures from above, cut into windows that pictures are matched with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from whence.cli.exits import Exit
from whence.cli.interrupt import graceful_interrupt
from whence.cli.output import write_facts, write_json, write_table
from whence.cli.progress import StepBar

if TYPE_CHECKING:
    from whence.crossview.references.adding import Added
    from whence.crossview.references.header import SourceRecord
    from whence.crossview.references.reference_set import ReferenceSet

F = TypeVar("F", bound=Callable[..., Any])

_NAMED = 10
_EXAMPLES = """\b
Examples:
  whence tiles add town tiles/ --licence "CC BY 4.0" --source "City of …" --date 2025-06
  whence tiles add town ortho.tif more.mbtiles --scales 1,2,4
  whence tiles add town old.jpg --bounds 46.85,46.84,-92.0,-91.99 --model none
  whence tiles list town
  whence tiles info town/ --json
  whence tiles verify town
  whence tiles features town --gsd 0.05 --px 4000 --near 46.8426,-91.9940,500
"""


@click.group(short_help="Build and look at sets of reference pictures from above.", epilog=_EXAMPLES)
def tiles() -> None:
    """Build and look at reference sets: pictures from above whose place is known, cut into windows.

    Nothing is downloaded unless --url names a server of tiles; its terms are yours to keep.
    """


def _server_options(command: F) -> F:
    """Options of a tile server."""
    for option in reversed(
        (
            click.option(
                "--url", default="", metavar="TEMPLATE", help="Also ask this server: http(s)://…/{z}/{x}/{y}.png."
            ),
            click.option("--zooms", default="", metavar="N,N", help="Zoom levels that the server is asked for."),
            click.option(
                "--per-second",
                type=click.FloatRange(0, min_open=True),
                default=2.0,
                show_default=True,
                help="Most requests a second.",
            ),
            click.option(
                "--max-tiles",
                type=click.IntRange(1),
                default=20_000,
                show_default=True,
                help="Most tiles of the finest level that the server is asked for.",
            ),
        )
    ):
        command = option(command)
    return command


def _reading_options(command: F) -> F:
    """Options on what files do not tell."""
    for option in reversed(
        (
            click.option("--licence", default="", metavar="TEXT", help="What may be done with the pictures."),
            click.option("--source", default="", metavar="TEXT", help="Who made them."),
            click.option("--date", default="", metavar="DATE", help="When the ground was pictured."),
            click.option(
                "--bounds",
                default="",
                metavar="N,S,W,E",
                help="Place of a plain picture, or what a server is asked for: edges in degrees.",
            ),
            click.option("--crs", default="", metavar="EPSG", help="Coordinate system that the files do not tell."),
            click.option("--tms", is_flag=True, help="Rows of tile folders are counted from the south."),
            click.option("--nodata", type=click.Choice(["black", "white"]), help="What pixels without data look like."),
            click.option("--bands", default="", metavar="R,G,B", help="Bands of a GeoTIFF, counted from 1."),
        )
    ):
        command = option(command)
    return command


@tiles.command("add", short_help="Add reference pictures to a set.", epilog=_EXAMPLES)
@click.argument("reference_set", metavar="SET", type=click.Path(path_type=Path, file_okay=False))
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--model",
    default="vlad",
    show_default=True,
    metavar="NAME|DIR",
    help="What embeds the windows: vlad needs no model; none makes a set that is searched by place alone.",
)
@_reading_options
@click.option("--scales", default="1,2,4", show_default=True, help="Sides of windows, in times --side-px pixels.")
@click.option("--window-m", default="", metavar="N,N", help="Sides of windows in metres, instead of --scales.")
@click.option("--overlap", type=float, default=0.5, show_default=True, help="Share by which windows overlap.")
@click.option("--side-px", type=int, default=256, show_default=True, help="Side at which windows are embedded.")
@click.option("--min-valid", type=float, default=0.5, show_default=True, help="Least share of pixels that hold data.")
@_server_options
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def add(reference_set: Path, paths: tuple[Path, ...], model: str, as_json: bool, **given: Any) -> int:
    """Add reference pictures to a set, which is made if it is not there.

    PATH is a folder of web tiles ({z}/{x}/{y}.png or z_x_y.png), an MBTiles or PMTiles file, a GeoTIFF, a picture
    with a world file, a sidecar NAME.georef.json or --bounds, or a folder of such files.

    Adding again does only what is new or has changed. An interrupted run is gone on with by the same command.
    Tiles that cannot be read are named and left out. Ends with exit code 1 if some were, or if a PATH failed.
    """
    from whence.crossview.references import windows
    from whence.crossview.references.adding import add_references
    from whence.earth.tiles import opening, url

    laid = {field.name: given[field.name] for field in dataclasses.fields(windows.Config) if field.name in given}
    read: dict[str, Any] = {field.name: given[field.name] or "" for field in dataclasses.fields(opening.Config)}
    read["tms"] = bool(given["tms"])
    server = None
    if given["url"]:
        names = ("url", "bounds", "zooms", "per_second", "max_tiles")
        server = url.Config(**{name: given[name] for name in names})
    encoder = None
    if model != "none":
        from whence.crossview.encoders import open_encoder

        encoder = open_encoder(model)
    with StepBar("adding") as bar, graceful_interrupt() as stopped:
        done = add_references(
            reference_set,
            paths,
            encoder,
            reading=opening.Config(**read),
            server=server,
            laying=windows.Config(**laid),
            report=bar.report,
            stopped=stopped,
        )
    if as_json:
        write_json(dataclasses.asdict(done))
    else:
        _write_added(done, reference_set)
    if not done.finished:
        return Exit.INTERRUPTED
    return Exit.SOME_FAILED if done.failed or done.unreadable else Exit.DONE


@tiles.command("list", short_help="List the sources of a set.")
@click.argument("reference_set", metavar="SET", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_sources(reference_set: Path, as_json: bool) -> None:
    """List the sources of a set, with their windows, their licence and where they are."""
    from whence.crossview.references.reference_set import ReferenceSet

    opened = ReferenceSet.open(reference_set)
    if as_json:
        write_json({"set": str(reference_set), "sources": [_source_values(opened, i) for i in _numbers(opened)]})
        return
    rows = []
    for i in _numbers(opened):
        told = _source_values(opened, i)
        bounds = told["bounds"]
        where = f"{bounds['south']:.4f}…{bounds['north']:.4f}, {bounds['west']:.4f}…{bounds['east']:.4f}"
        rows.append((str(told["path"]), f"{told['windows']:,}", str(told["licence"]), where))
    write_table(("source", "windows", "licence", "latitudes, longitudes"), rows)


@tiles.command("info", short_help="Tell what a set holds.")
@click.argument("reference_set", metavar="SET", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def info(reference_set: Path, as_json: bool) -> None:
    """Tell what a set holds: windows and their sizes, encoder, sources, place, size on disk, features kept."""
    from whence.crossview.references.reference_set import ReferenceSet

    opened = ReferenceSet.open(reference_set)
    told = _values(opened)
    if as_json:
        write_json(told)
        return
    encoder, bounds = told["encoder"], told["bounds"]
    sides = ", ".join(f"{side['side_m']:,.0f} m ({side['windows']:,})" for side in told["sides"][:_NAMED])
    write_facts(
        (
            ("Set", str(reference_set)),
            ("Windows", f"{told['windows']:,}"),
            ("Sides", sides),
            ("Metres a pixel", f"{told['gsd_m_per_px'][0]:.3g} to {told['gsd_m_per_px'][1]:.3g}"),
            ("Encoder", f"{encoder['name']}, {encoder['dim']} numbers" if encoder else "none: searched by place alone"),
            ("Latitudes", f"{bounds['south']:.5f} to {bounds['north']:.5f}"),
            ("Longitudes", f"{bounds['west']:.5f} to {bounds['east']:.5f}"),
            ("Sources", f"{len(told['sources'])}"),
            ("Licences", "; ".join(sorted({str(s["licence"]) or "not told" for s in told["sources"]}))),
            ("On disk", f"{told['bytes'] / 1e6:,.1f} MB"),
            ("Features kept", f"{told['features']['files']:,} files, {told['features']['bytes'] / 1e6:,.1f} MB"),
        )
    )


@tiles.command("verify", short_help="Check that a set and its pictures are whole.")
@click.argument("reference_set", metavar="SET", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def verify(reference_set: Path, as_json: bool) -> int:
    """Check every part of a set against its hash, and its sources against what was added.

    Ends with exit code 1 if a source is gone or has changed, 4 if the set itself is damaged.
    """
    from whence.crossview.references.reference_set import ReferenceSet

    opened = ReferenceSet.open(reference_set)
    problems = opened.verify()
    if as_json:
        write_json({"set": str(reference_set), "windows": len(opened), "problems": problems})
    else:
        click.echo("\n".join(problems) or f"{reference_set}: {len(opened):,} windows, all parts whole.")
    return Exit.SOME_FAILED if problems else Exit.DONE


@tiles.command("features", short_help="Find local features ahead, so that matching takes less time.", epilog=_EXAMPLES)
@click.argument("reference_set", metavar="SET", type=click.Path(path_type=Path))
@click.option("--gsd", type=float, required=True, metavar="M", help="Metres on the ground a pixel of the pictures.")
@click.option("--px", type=click.IntRange(1), required=True, metavar="N", help="Pixels of the pictures' long side.")
@click.option("--near", metavar="LAT,LON,M", help="Only windows that touch so many metres around a place.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PART.NAME=VALUE",
    help="Settings that the pictures will be matched with, such as match.features_mb=4000.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def features(
    reference_set: Path, gsd: float, px: int, near: str | None, settings: tuple[str, ...], as_json: bool
) -> int:
    """Find the local features of windows and keep them beside the set, for pictures of about one height.

    Matching keeps what it finds by itself; this finds it before. Pictures that show a little less ground, by a sixth at
    most, use the same. An interrupted run is gone on with by the same command. SET/features can be removed at any time.
    """
    from whence.cli.match import near_of, open_matcher
    from whence.crossview.filling import fill_features

    matcher = open_matcher(reference_set, settings)
    with StepBar("finding") as bar, graceful_interrupt() as stopped:
        done = fill_features(matcher, gsd, px, near=near_of(near), report=bar.report, stopped=stopped)
    if as_json:
        write_json(dataclasses.asdict(done))
    else:
        click.echo(
            f"{reference_set}: features of {done.windows:,} windows; {done.bytes / 1e6:,.1f} MB are kept in all."
        )
        if done.full:
            click.echo(
                "whence: not all could be kept: see match.features_mb, and whether SET can be written.", err=True
            )
    return Exit.DONE if done.finished else Exit.INTERRUPTED


# ------------------------------------------------------------------------------------------------------------- words


def _write_added(done: Added, reference_set: Path) -> None:
    for path, why in done.failed.items():
        click.echo(f"whence: {why if path in why else f'{path}: {why}'}", err=True)
    for why in list(done.unreadable.values())[:_NAMED]:
        click.echo(f"whence: left out: {why}", err=True)
    if len(done.unreadable) > _NAMED:
        click.echo(f"whence: and {len(done.unreadable) - _NAMED} more tiles that could not be read.", err=True)
    for warning in done.warnings:
        click.echo(f"whence: {warning}", err=True)
    if not done.finished:
        click.echo("Stopped. The same command goes on where this one ended.")
        return
    blank = f", {done.blank:,} blank ones left out" if done.blank else ""
    same = f", {len(done.unchanged)} unchanged" if done.unchanged else ""
    click.echo(f"{reference_set}: {done.windows:,} windows ({len(done.added)} sources added{same}{blank}).")


def _numbers(opened: ReferenceSet) -> range:
    return range(len(opened.header.sources))


def _bounds(opened: ReferenceSet, start: int, end: int) -> dict[str, float]:
    from whence.earth.coordinates import bounds_of

    w = opened.windows
    found = bounds_of(w.lat_deg[start:end], w.lon_deg[start:end])
    return {name: round(float(getattr(found, name)), 6) for name in ("north", "south", "west", "east")}


def _source_values(opened: ReferenceSet, number: int) -> dict[str, Any]:
    record: SourceRecord = opened.header.sources[number]
    return {
        "path": record.path,
        "source": record.provenance.get("source", ""),
        "licence": record.provenance.get("licence", ""),
        "date": record.provenance.get("date", ""),
        "windows": record.end - record.start,
        "blank": record.blank,
        "unreadable": len(record.unreadable),
        "bytes": record.bytes,
        "added": record.added,
        "bounds": _bounds(opened, record.start, record.end),
    }


def _values(opened: ReferenceSet) -> dict[str, Any]:
    import numpy as np

    from whence.crossview.references.features import held

    w, encoder = opened.windows, opened.header.encoder
    sides, counts = np.unique(np.round(w.side_m, 1), return_counts=True)
    return {
        "set": str(opened.folder),
        "windows": len(opened),
        "sides": [{"side_m": float(s), "windows": int(n)} for s, n in zip(sides, counts, strict=True)],
        "gsd_m_per_px": [float(w.gsd_m_per_px.min()), float(w.gsd_m_per_px.max())],
        "encoder": None if encoder is None else dataclasses.asdict(encoder),
        "bounds": _bounds(opened, 0, len(opened)),
        "bytes": sum(int(part["bytes"]) for part in opened.header.parts.values()),
        "features": dataclasses.asdict(held(opened.folder)),
        "sources": [_source_values(opened, i) for i in _numbers(opened)],
    }
