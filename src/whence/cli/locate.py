"""``whence locate``: one picture or very many."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from whence.pipeline import Options

F = TypeVar("F", bound=Callable[..., Any])
_STANDARD_OUTPUT = "-"
_EXAMPLES = """\b
Examples:
  whence locate photo.jpg
  whence locate photo.jpg --ignore-gps --report photo.html
  whence locate holiday/ --json holiday.jsonl --workers 4
  whence locate photo.jpg --not France --near 46.5,8,300
  whence locate photo.jpg --model geoclip
  whence locate drone.jpg --refine --tiles myset
  find . -name '*.jpg' | whence locate - | jq .point
"""


def answer_options(command: F) -> F:
    """Options that shape the answers: those of `whence.pipeline.Options`, but for the GPS tags."""
    for option in reversed(
        (
            click.option(
                "--within",
                multiple=True,
                metavar="AREA",
                help="Taken in this country, division (US.NV) or GeoJSON file; A,B for either. ~ in front: probably.",
            ),
            click.option("--not", "exclude", multiple=True, metavar="AREA", help="Not taken there; written alike."),
            click.option(
                "--near", multiple=True, metavar="LAT,LON,KM", help="Taken within this disc. ~ in front: probably."
            ),
            click.option(
                "--coarsest",
                metavar="LEVEL",
                help="Give nothing finer than: country, region or city.",
            ),
            click.option(
                "--sources",
                multiple=True,
                metavar="A,B|-A",
                help="Ask only these sources, or all but those with a minus ('whence sources' lists them).",
            ),
            click.option(
                "--model",
                metavar="NAME|DIR",
                help="Let this model read the scenery ('whence models' lists those found here, 'whence models get' "
                "makes more).",
            ),
            click.option(
                "--prior",
                default="photos",
                show_default=True,
                metavar="NAME|FILE",
                help="Where pictures are taken before anything is known: photos, land, uniform or a field file.",
            ),
            click.option(
                "--calibration",
                metavar="FILE|none",
                help="Apply a calibration of 'whence calibrate'; what the models bring if not given, nothing for none.",
            ),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="PART.NAME=VALUE",
                help="Change a setting, such as exif.wrong_share=0.05 (docs/configuration.md lists them).",
            ),
            click.option(
                "--kind",
                metavar="KIND",
                help="What the pictures are: ground, panorama, drone, satellite or map; read off the files by default.",
            ),
            click.option(
                "--refine",
                is_flag=True,
                help="Lay pictures that look down onto the pictures of --tiles, where they are believed to be.",
            ),
            click.option(
                "--tiles", metavar="SET", help="Reference pictures from above for --refine ('whence tiles add')."
            ),
            click.option("--top", default=5, show_default=True, help="How many candidates and regions to give."),
            click.option("--text", metavar="TEXT", help="What else is known in words, such as a caption."),
        )
    ):
        command = option(command)
    return command


def _output_options(command: F) -> F:
    """Options that say what is written where, and how."""
    target = click.Path(path_type=Path)
    for option in reversed(
        (
            click.option(
                "--json",
                "json_to",
                metavar="FILE|-",
                help="Write one line of JSON a picture. A FILE that holds results already is gone on with.",
            ),
            click.option(
                "--report", type=target, metavar="FILE|DIR", help="Write an HTML report; DIR for several pictures."
            ),
            click.option("--geojson", type=target, metavar="FILE|DIR", help="Write the answers as GeoJSON."),
            click.option("--kml", type=target, metavar="FILE|DIR", help="Write the answers as KML."),
            click.option("--overwrite", is_flag=True, help="Drop what the JSON FILE holds, and start again."),
            click.option(
                "--workers",
                default=1,
                show_default=True,
                type=click.IntRange(1, 256),
                help="Processes that work side by side.",
            ),
            click.option(
                "--recursive/--no-recursive", default=True, show_default=True, help="Go into folders inside folders."
            ),
        )
    ):
        command = option(command)
    return command


@click.command(short_help="Locate pictures: where, how sure, and why.", epilog=_EXAMPLES)
@click.argument("paths", nargs=-1, metavar="PATHS...")
@_output_options
@click.option("--ignore-gps", is_flag=True, help="Leave out what the GPS tags say, for an honest test.")
@answer_options
def locate(paths: tuple[str, ...], **given: Any) -> int:
    """Locate pictures: where each was taken, how sure that is, and why.

    PATHS are files, folders and patterns; - reads a list of paths from standard input, one a line (or
    separated by NUL). On a terminal each answer is written to be read; elsewhere as one line of JSON.

    With --json FILE, running an interrupted command again goes on where it stopped. A picture that cannot
    be read becomes a line with its error; the others are located all the same.
    """
    from whence.batch.jobs import Job, list_jobs

    text: str | None = given["text"]
    if paths:
        jobs = list_jobs(_paths(paths), recursive=given["recursive"])
        if not jobs:
            raise click.UsageError("The list of pictures is empty.")
    elif text:
        jobs = (Job(0, text, None),)
    else:
        raise click.UsageError("Nothing was given to locate: name pictures or folders, or give --text.")
    return _run(jobs, options_of(given), given)


def _run(jobs: tuple[Any, ...], options: Options, given: dict[str, Any]) -> int:
    from whence.batch.jobs import Task, run_fingerprint
    from whence.batch.products import Products
    from whence.batch.results import ResultsFile
    from whence.cli.run import BatchRun
    from whence.pipeline import Locator

    products = Products(given["report"], given["geojson"], given["kml"])
    json_to: str | None = given["json_to"]
    if given["overwrite"] and json_to in {None, _STANDARD_OUTPUT}:
        raise click.UsageError("--overwrite goes with --json FILE.")
    reads = json_to != _STANDARD_OUTPUT and sys.stdout.isatty()
    task = Task(options, products, text=given["text"], wants_text=reads)
    locator = Locator(options)
    products.check(len(jobs))
    file = None
    if json_to is not None and json_to != _STANDARD_OUTPUT:
        run = run_fingerprint(locator, task.text)
        file = ResultsFile(Path(json_to), run, overwrite=given["overwrite"])
    lines = json_to == _STANDARD_OUTPUT or (json_to is None and not reads)
    return BatchRun(jobs, task, locator, file, writes_lines=lines, workers=given["workers"]).go()


def _paths(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        if path != _STANDARD_OUTPUT:
            yield path
            continue
        content = sys.stdin.buffer.read()
        separator = b"\0" if b"\0" in content else b"\n"
        for item in content.split(separator):
            name = item.rstrip(b"\r").decode(errors="surrogateescape")
            if name:
                yield name


def options_of(given: dict[str, Any]) -> Options:
    """The options of the pipeline that were given on the command line."""
    from whence.pipeline import Options

    settings = {}
    for text in given["settings"]:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.BadOptionUsage("--set", f"--set takes PART.NAME=VALUE, received {text!r}.")
        settings[key.strip()] = value.strip()
    if given["refine"] != (given["tiles"] is not None):
        raise click.UsageError("--refine and --tiles SET go together.")
    named = tuple(name.strip() for item in given["sources"] for name in item.split(",") if name.strip())
    return Options(
        ignore_gps=given["ignore_gps"],
        within=given["within"],
        exclude=given["exclude"],
        near=given["near"],
        coarsest=given["coarsest"],
        sources=named or None,
        model=given["model"],
        prior=given["prior"],
        kind=given["kind"],
        calibration=given["calibration"],
        tiles=given["tiles"],
        top=given["top"],
        settings=settings,
    )
