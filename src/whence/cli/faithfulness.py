"""``whence faithfulness``: whether explanations tell what answers stand on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from whence.cli.exits import Exit
from whence.cli.locate import answer_options, options_of
from whence.cli.output import write_json, write_table
from whence.cli.progress import ProgressBar

if TYPE_CHECKING:
    from whence.estimate.types import Estimate
    from whence.evaluate.faithfulness.concept_sources import ConceptSource
    from whence.evaluate.faithfulness.study import Case
    from whence.pipeline import Locator, Options
    from whence.samples.view import Query

_EXAMPLES = """\b
Examples:
  whence faithfulness photo.jpg --ignore-gps
  whence faithfulness photos.csv --limit 50 -o faithfulness.json
  whence faithfulness photos.csv --sources alignment --set alignment.model=MODEL --tests curves,randomisation
"""
_TEST_OPTIONS = (
    ("tests", str, "LIST", "Which: curves, regions, interventions, randomisation, claims; separated by commas."),
    ("orders", int, "N", "Random orders that the ledger's order of sources, claims and concepts is held against."),
    ("grid", int, "N", "Cells along each side of the picture that are painted over."),
    ("region_orders", int, "N", "Random orders of those cells; each costs grid² − 1 beliefs."),
    ("concepts", int, "N", "Concepts of a picture that are set to other strengths."),
    ("shuffles", int, "N", "How often the weights of a model are shuffled."),
    ("draws", int, "N", "Draws of the bootstrap."),
    ("seed", int, "N", "Seed of orders, shuffles and bootstrap."),
)


def _test_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the tests; what is not given is left to their Config."""
    for name, kind, metavar, words in reversed(_TEST_OPTIONS):
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, metavar=metavar, help=words)(command)
    return command


@click.command(short_help="Test whether explanations are faithful.", epilog=_EXAMPLES)
@click.argument("paths", nargs=-1, required=True, metavar="PICTURES... | DATASET.csv")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write all results as JSON.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Take only N pictures, spread over the list.")
@click.option("--json", "as_json", is_flag=True, help="Write all results as JSON to standard output.")
@_test_options
@click.option("--ignore-gps", is_flag=True, help="Leave out what the GPS tags say, for an honest test.")
@answer_options
def faithfulness(paths: tuple[str, ...], **given: Any) -> int:
    """Test whether explanations tell what answers stand on.

    Sources, claims, concepts and parts of the picture are taken away in the ledger's order and in random orders;
    a model's weights are shuffled; concepts are set and sources removed, and the belief is compared with what
    the ledger said; claims are held against the true place, which only a table can give (columns file, lat_deg
    and lon_deg, files beside it).
    """
    from whence.evaluate.faithfulness.study import Config, PictureResult, study
    from whence.evaluate.faithfulness.summary import to_json

    if given["coarsest"]:
        raise click.UsageError("--coarsest withholds the evidence that is tested here; leave it out.")
    config = Config(**{name: given[name] for name, *_ in _TEST_OPTIONS if given[name] is not None})
    maker = _Maker(options_of(given))
    locator = maker.locator({}, None)
    cases = _spread(_cases(paths, locator, given["text"]), given["limit"])
    if not cases:
        raise click.UsageError("The list of pictures is empty.")
    asked = _concept_sources(locator)
    with ProgressBar(len(cases), doing="testing") as bar:

        def report(found: PictureResult) -> None:
            bar.step(failed=found.failure is not None)

        found = study(cases, maker, config, sources=asked, believe=locator.believe, report=report)
    summary = to_json(found, config)
    if given["output"] is not None:
        text = json.dumps(summary, ensure_ascii=False, allow_nan=False, indent=1)
        given["output"].write_text(text + "\n", encoding="utf-8")
    _show(summary, as_json=given["as_json"])
    failed = sum(item.failure is not None for item in found)
    if failed == len(found):
        return Exit.NONE_ANSWERED
    return Exit.SOME_FAILED if failed else Exit.DONE


def _show(summary: Mapping[str, Any], *, as_json: bool) -> None:
    from whence.evaluate.faithfulness.table import CLAIM_COLUMNS, COLUMNS, claim_rows, rows

    if as_json:
        write_json(summary)
    else:
        write_table(COLUMNS, rows(summary))
        if summary["claims"]["by_kind"]:
            write_table(CLAIM_COLUMNS, claim_rows(summary), title="Claims at the true place")
    for item in summary["failed"]:
        click.echo(f"failed: {item['name']}: {item['message']}", err=True)


@final
class _Maker:
    """Makes what locates; what was made without edits of single pictures is kept."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kept: dict[tuple[tuple[tuple[str, str], ...], str | None], Locator] = {}

    def __call__(self, settings: Mapping[str, str], without: str | None) -> Callable[[Query], Estimate]:
        return self.locator(settings, without).ask

    def locator(self, settings: Mapping[str, str], without: str | None) -> Locator:
        """A locator with further settings, and without a source."""
        from whence.pipeline import Locator

        key = (tuple(sorted(settings.items())), without)
        if key in self._kept:
            return self._kept[key]
        options = replace(self._options, settings={**self._options.settings, **settings})
        if any(name.endswith(".model") for name in settings):  # a shuffled copy in the place of the model
            options = replace(options, model=None)
        made = Locator(options if without is None else _leaving_out(options, without))
        if not any(name.endswith(".set") for name in settings):
            self._kept[key] = made
        return made


def _leaving_out(options: Options, name: str) -> Options:
    """The same options without one source, or without the constraints."""
    from whence.evidence.constraints import Constraints
    from whence.evidence.run import sources

    if name == Constraints.NAME:
        return replace(options, within=(), exclude=(), near=())
    wanted = options.sources or ()
    named = {item for item in wanted if not item.startswith("-")}
    gone = {item[1:] for item in wanted if item.startswith("-")} | {name}
    kept = [item for item in sources().names() if item not in gone and (not named or item in named)]
    if not kept:
        return replace(options, sources=tuple(f"-{item}" for item in sources().names()))
    if named:
        return replace(options, sources=tuple(kept))
    return replace(options, sources=tuple(f"-{item}" for item in sorted(gone)))


def _concept_sources(locator: Locator) -> list[ConceptSource]:
    """The sources that tell concepts and have a model."""
    from whence.evaluate.faithfulness.concept_sources import concept_source
    from whence.evidence.alignment import Alignment
    from whence.evidence.scenery import Scenery

    found = []
    for source in locator.sources:
        if isinstance(source, Alignment) and source.is_set_up:
            found.append(concept_source(source.config.model, {"sparsity": source.config.sparsity}))
        elif isinstance(source, Scenery) and source.is_set_up:
            found.append(concept_source(source.config.model))
    return found


def _cases(paths: Sequence[str], locator: Locator, text: str | None) -> list[Case]:
    from whence.batch.predict import read_test_set
    from whence.earth.coordinates import Point
    from whence.evaluate.faithfulness.study import Case
    from whence.samples.discover import find_pictures

    def reader(path: str | Path) -> Callable[[], Query]:
        return lambda: locator.read(path, text=text, name=str(path))

    cases = []
    for item in paths:
        if item.lower().endswith(".csv"):
            table = read_test_set(item)
            for job, truth in zip(table.jobs, table.truths, strict=True):
                cases.append(
                    Case(job.name, reader(job.path or job.name), Point(truth.lat_deg, truth.lon_deg), truth.group)
                )
        else:
            cases += [Case(str(path), reader(path)) for path in find_pictures(item)]
    return cases


def _spread(cases: list[Case], limit: int | None) -> list[Case]:
    """At most so many, evenly over the list."""
    if limit is None or limit >= len(cases):
        return cases
    return [cases[i * len(cases) // limit] for i in range(limit)]
