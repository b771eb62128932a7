"""``whence match``: pictures from above laid onto reference pictures."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, final

import click

from whence.cli.exits import Exit
from whence.cli.progress import ProgressBar

if TYPE_CHECKING:
    from whence.crossview.match import Matcher
    from whence.crossview.types import Match
    from whence.explain.match.lmm import Narration
    from whence.explain.match.types import MatchExplanation
    from whence.samples.view import View, ViewKind

F = TypeVar("F", bound=Callable[..., Any])
_EXAMPLES = """\b
Examples:
  whence match drone.jpg --tiles town.tif
  whence match frames/ --tiles myset --near 46.8426,-91.9940,200 --json matches.jsonl
  whence match unknown.png --kind satellite --tiles myset --report unknown.html
  whence match drone.jpg --tiles myset --set register.features=xfeat --set register.weights=DIR
"""

PARTS = ("match", "candidates", "register", "verify", "tiles")
"""Parts whose settings ``--set`` changes here."""


def matching_options(command: F) -> F:
    """Options that say where to look and how."""
    for option in reversed(
        (
            click.option(
                "--tiles",
                required=True,
                type=click.Path(path_type=Path),
                metavar="SET",
                help="Reference pictures: a set of 'whence tiles add', a GeoTIFF, MBTiles, a tile folder, …",
            ),
            click.option("--kind", metavar="KIND", help="What the pictures are: drone, satellite or map."),
            click.option("--ignore-heading", is_flag=True, help="Leave out heading and height that the files tell."),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="PART.NAME=VALUE",
                help="Change a setting, such as register.features=xfeat or candidates.count=20.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command(short_help="Lay pictures from above onto reference pictures.", epilog=_EXAMPLES)
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@matching_options
@click.option("--near", metavar="LAT,LON,M", help="Look only within so many metres of a place.")
@click.option("--heading", type=float, metavar="DEG", help="Bearing of the pictures' upward direction, if known.")
@click.option("--gsd", type=float, metavar="M", help="Metres on the ground a pixel of the full pictures, if known.")
@click.option("--top", default=1, show_default=True, type=click.IntRange(1, 100), help="How many places to give.")
@click.option("--json", "json_to", metavar="FILE|-", help="Write one line of JSON a picture.")
@click.option("--overwrite", is_flag=True, help="Replace the JSON FILE if it is there.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write a page that shows and explains each match; DIR for several pictures.",
)
@click.option(
    "--narrate",
    metavar="CODE",
    help="Let a language model tell each report in this language, en or zh: that of $WHENCE_LMM_URL and "
    "$WHENCE_LMM_MODEL, which both pictures are sent to. Sentences that the claims do not bear out are marked.",
)
@click.option("--mask-test", is_flag=True, help="Measure in the reports whether the explanations hold, by masking.")
def match(queries: tuple[str, ...], **given: Any) -> int:
    """Lay drone frames, aerial pictures and maps onto reference pictures: to the metre, or "no match".

    QUERY are files, folders and patterns. Each is looked for near --near, or by likeness in the whole set; the best
    places are registered point by point and verified. A picture that cannot be read becomes a line with its error; the
    others are matched all the same. "No match" is an answer: the exit code is 0 then too.
    """
    from whence.samples.discover import find_pictures

    paths = list(find_pictures(queries))
    if not paths:
        raise click.UsageError("The list of pictures is empty.")
    report: Path | None = given["report"]
    if report is not None and report.suffix == ".html" and len(paths) > 1:
        raise click.UsageError(f"--report {report} is one file, but there are {len(paths)} pictures. Give a folder.")
    near, kind, narrated = near_of(given["near"]), kind_of(given["kind"]), _narrator(given["narrate"], report)
    matcher = open_matcher(given["tiles"], given["settings"])
    with Lines(given["json_to"], given["overwrite"]) as lines, ProgressBar(len(paths), doing="matching") as bar:
        run = _Run(matcher, near, {**given, "kind": kind}, lines, bar)
        if report is None:
            for path in paths:
                run.one(path)
        else:
            _write_reports(report, run, paths, masks=given["mask_test"], narrated=narrated)
    if run.failed == len(paths):
        return Exit.NONE_ANSWERED
    return Exit.SOME_FAILED if run.failed else Exit.DONE


@final
class _Run:
    """One picture after the other, and how many failed."""

    def __init__(
        self,
        matcher: Matcher,
        near: tuple[float, float, float] | None,
        given: dict[str, Any],
        lines: Lines,
        bar: ProgressBar,
    ) -> None:
        self.matcher, self._near, self._given, self._lines, self._bar = matcher, near, given, lines, bar
        self.failed = 0

    def one(self, path: Path) -> tuple[Match, ...]:
        """Match one picture and write its line; nothing for one that cannot be read."""
        from whence.batch.jobs import Failure, Job, failed
        from whence.core.errors import ImageError, InputError
        from whence.core.version import __version__
        from whence.crossview.render import to_dict, to_text

        given = self._given
        try:
            view = read_from_above(path, given["kind"])
            found = self.matcher.match(
                view,
                near=self._near,
                heading_deg=given["heading"],
                gsd_m_per_px=given["gsd"],
                use_file=not given["ignore_heading"],
                k=given["top"],
            )
        except (ImageError, InputError, OSError, MemoryError) as error:
            self.failed += 1
            self._bar.step(failed=True)
            failure = Failure(type(error).__name__, str(error))
            self._lines.write(
                self._bar,
                failed(Job(0, str(path), str(path)), failure, {"whence": __version__}, "").line,
                f"{path}\n  failed: {error}",
            )
            return ()
        line = json.dumps(to_dict(view, found), ensure_ascii=False, allow_nan=False)
        self._lines.write(self._bar, line, to_text(view, found))
        self._bar.step(failed=False)
        return found


@final
class Lines:
    """Where lines of JSON go: to a file with text to be read on a terminal, or to standard output."""

    def __init__(self, to: str | None, overwrite: bool = False) -> None:
        self._file: TextIO | None = None
        self._reads = to != "-" and sys.stdout.isatty()
        self._echoes = to == "-" or (to is None and not self._reads)
        if to is not None and to != "-":
            try:
                self._file = Path(to).open("w" if overwrite else "x", encoding="utf-8")  # noqa: SIM115
            except FileExistsError as error:
                raise click.UsageError(f"--json {to} is there already. Give another FILE, or --overwrite.") from error
            except OSError as error:
                raise click.UsageError(f"--json {to} cannot be written ({error.strerror}).") from error

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, bar: ProgressBar, line: str, text: str) -> None:
        """Write a result as a line of JSON, and to be read."""
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
        if self._echoes:
            bar.write(line)
        elif self._reads:
            bar.write(text)


def _narrator(language: str | None, report: Path | None) -> Callable[[MatchExplanation], Narration | None]:
    """What has each match told by a language model, if one is asked for; a model that fails costs no report."""
    if language is None:
        return lambda _: None
    from whence.core.errors import EndpointError, OptionError
    from whence.explain.match.lmm import MODEL_VARIABLE, URL_VARIABLE, endpoint_from_environment, narrate
    from whence.explain.match.words import catalogue

    catalogue(language)
    endpoint = endpoint_from_environment()
    if report is None or endpoint is None:
        raise OptionError(
            f"--narrate goes with --report, and with ${URL_VARIABLE} and ${MODEL_VARIABLE} in the environment: the "
            "address of a service that speaks the OpenAI protocol, and its model."
        )

    def told(explanation: MatchExplanation) -> Narration | None:
        try:
            return narrate(explanation, endpoint, language)
        except EndpointError as error:
            click.echo(f"whence: {explanation.match.query.name} is not narrated: {error}", err=True)
            return None

    return told


def _write_reports(
    report: Path,
    run: _Run,
    paths: Sequence[Path],
    *,
    masks: bool,
    narrated: Callable[[MatchExplanation], Narration | None],
) -> None:
    from whence.explain.match.page import write_match_report, write_match_reports

    def explanations() -> Iterator[MatchExplanation]:
        for path in paths:
            for item in run.one(path):
                yield _explained(run.matcher, item, masks=masks)

    if report.suffix == ".html":
        for explanation in explanations():
            write_match_report(report, explanation, narrated(explanation))
            break
    else:
        write_match_reports(report, explanations(), narrated)


def _explained(matcher: Matcher, item: Match, *, masks: bool) -> MatchExplanation:
    from dataclasses import replace

    from whence.explain.match.explain import explain_match
    from whence.explain.match.faithfulness import measure_faithfulness

    explanation = explain_match(item)
    if not masks or not item.accepted:
        return explanation
    return replace(explanation, faithfulness=measure_faithfulness(explanation, matcher.scorer(item)))


def read_from_above(path: Path, kind: ViewKind | None) -> View:
    """Read a picture as large as it is matched; of the kind given, else as the file says.

    Raises:
        ImageError: it cannot be read.
    """
    from dataclasses import replace

    from whence.samples.reader import read_view

    view = read_view(path, name=str(path), working_px=2048)
    return view if kind is None else replace(view, kind=kind)


def kind_of(text: str | None) -> ViewKind | None:
    """The kind of view that is called so.

    Raises:
        OptionError: there is none.
    """
    from whence.core.errors import unknown_name
    from whence.samples.view import ViewKind

    if text is None:
        return None
    if text not in (known := [item.value for item in ViewKind]):
        raise unknown_name("kind of view", text, known)
    return ViewKind(text)


def open_matcher(tiles: Path, settings: Sequence[str]) -> Matcher:
    """The matcher over a reference set or plain reference pictures, with settings ``PART.NAME=VALUE``."""
    from whence.core.config import build
    from whence.crossview.ground import Ground
    from whence.crossview.match import Matcher, matching_options
    from whence.earth.tiles.opening import Config as OpeningConfig

    grouped = _grouped(settings)
    ground = Ground.open(tiles, build(OpeningConfig, grouped.pop("tiles", {}), owner="tiles"))
    return Matcher(ground, matching_options(grouped))


def _grouped(settings: Sequence[str]) -> dict[str, dict[str, object]]:
    from whence.core.errors import unknown_name

    out: dict[str, dict[str, object]] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        part, dot, name = key.strip().partition(".")
        if not equals or not dot:
            raise click.BadOptionUsage("--set", f"--set takes PART.NAME=VALUE, received {text!r}.")
        if part not in PARTS:
            raise unknown_name("part with settings", part, PARTS)
        out.setdefault(part, {})[name] = value.strip()
    return out


def near_of(text: str | None) -> tuple[float, float, float] | None:
    """Latitude, longitude and metres."""
    if text is None:
        return None
    from whence.earth.coordinates import point

    try:
        lat, lon, radius_m = (float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadOptionUsage(
            "--near",
            f"--near takes LAT,LON,M: degrees north and east and a radius in metres, separated by commas, such as "
            f"46.84,-91.99,500; got {text!r}.",
        ) from error
    if not 0.0 < radius_m < math.inf:
        raise click.BadOptionUsage(
            "--near",
            f"The radius of --near is a number of metres above 0, received {radius_m:g}. Leave --near out to look "
            "everywhere.",
        )
    at = point(lat, lon)
    return at.lat_deg, at.lon_deg, radius_m
