"""``whence evaluate``: how good predictions are, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.output import write_json, write_table

if TYPE_CHECKING:
    from whence.evaluate.evaluation import Evaluation
    from whence.evaluate.run_scores import Answers

_EXAMPLES = """\b
Examples:
  whence evaluate predictions.parquet --by continent
  whence evaluate ours.parquet --against theirs.parquet --place 25
  whence evaluate results.jsonl --truth photos.csv
  whence evaluate ours.jsonl --truth im2gps3k_places365.csv --group AUTHOR --by continent
  whence evaluate ours.jsonl --truth photos.csv --against theirs.csv --json
  whence evaluate predictions.parquet --report report.html --pictures photos/
  whence evaluate predictions.parquet --leaderboard board.json
  whence evaluate predictions.parquet --protocol im2gps3k
"""
_FILE = click.Path(path_type=Path)


@click.command(short_help="Score predictions against the truth.", epilog=_EXAMPLES)
@click.argument("predictions", type=_FILE)
@click.option(
    "--truth",
    type=_FILE,
    metavar="FILE",
    help="CSV table of true places; without it, those in PREDICTIONS.",
)
@click.option(
    "--against", type=_FILE, metavar="FILE", help="Predictions of another system, compared picture by picture."
)
@click.option(
    "--by",
    default="",
    metavar="NAME",
    help="Slice by country, settlement, continent, koppen_group … or a column of the truth.",
)
@click.option(
    "--group", default="", metavar="COLUMN", help="Draw whole groups for the intervals, such as photographers."
)
@click.option(
    "--place",
    default="",
    metavar="COLUMN|KM",
    help="Draw places too: a column of the truth, or cells of about so many km.",
)
@click.option(
    "--protocol",
    default="",
    metavar="BENCHMARK",
    help="Score as this benchmark does in print, too: its Earth, thresholds and scores (whence benchmarks).",
)
@click.option("--forgive", is_flag=True, help="Count an error within the truth's accuracy_km as nil.")
@click.option(
    "--answered-only", is_flag=True, help="Leave out pictures without a prediction instead of counting them as wrong."
)
@click.option("--draws", default=1000, show_default=True, type=click.IntRange(1), help="Draws of the bootstrap.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the bootstrap.")
@click.option("--report", type=_FILE, metavar="FILE.html", help="Write a report of curves, maps and single pictures.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Put thumbnails from this folder into the report; none without it.",
)
@click.option(
    "--leaderboard",
    type=_FILE,
    metavar="FILE.json",
    help="Add the run to this file of runs on one test set, and write its tables beside it (.md and .html).",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="Write a Markdown table.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def evaluate(predictions: Path, truth: Path | None, against: Path | None, **given: Any) -> None:
    """Score predictions against the truth: shares within 1 to 2500 km, GeoScore, and the belief as a whole.

    PREDICTIONS are a file of whence predict, which holds its truths and beliefs, the lines of whence locate --json,
    or a CSV table with name, lat_deg and lon_deg, so that any system can be scored. Distances are WGS84 geodesics;
    brackets hold 95 % bootstrap intervals. No picture and no model is needed.
    """
    from whence.evaluate.evaluation import Config
    from whence.evaluate.run_scores import Answers, score_files
    from whence.evaluate.table import (
        COLUMNS,
        figure_columns,
        figure_rows,
        markdown,
        protocol_rows,
        protocol_title,
        remarks,
        slice_rows,
        to_json,
    )

    as_json, as_markdown = given.pop("as_json"), given.pop("as_markdown")
    report, pictures, leaderboard = (given.pop(name) for name in ("report", "pictures", "leaderboard"))
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other.")
    if pictures and not report:
        raise click.UsageError("--pictures is for the report: give --report FILE.html too.")
    for option, path, ending in (("--report", report, ".html"), ("--leaderboard", leaderboard, ".json")):
        if path and path.suffix.lower() != ending:
            raise click.UsageError(f"{option} takes a file that ends in {ending}, received {str(path)!r}.")
    files = Answers(predictions, truth, against)
    found = score_files(files, Config(**given))
    if report:
        _write_report(report, pictures, files, found)
    if leaderboard:
        _add_to_leaderboard(leaderboard, files, found)
    if as_json:
        write_json(to_json(found))
        return
    if as_markdown:
        click.echo(markdown(found), nl=False)
    else:
        write_table(figure_columns(found), figure_rows(found))
        if found.protocol is not None:
            write_table(("", ""), protocol_rows(found.protocol), title=protocol_title(found.protocol))
        if found.slices:
            write_table(COLUMNS, slice_rows(found), title=f"By {found.config.by}")
    for remark in remarks(found):
        click.echo(remark, err=as_markdown)


def _write_report(report: Path, pictures: Path | None, files: Answers, found: Evaluation) -> None:
    from whence.evaluate.report import Album, Contents, write_report
    from whence.evaluate.scored import file_facts, scored_run

    run, records = scored_run(files, found.config.group)
    write_report(report, found, run, records, Contents(Album(pictures) if pictures else None, facts=file_facts(files)))


def _add_to_leaderboard(path: Path, files: Answers, found: Evaluation) -> None:
    from whence.evaluate.leaderboard import entry, markdown, terms, update_leaderboard
    from whence.evaluate.report import write_leaderboard
    from whence.evaluate.scored import scored_run

    run, records = scored_run(files, found.config.group, beliefs=False)
    board = update_leaderboard(path, terms(found, run, records), entry(found, run, files.predictions))
    path.with_suffix(".md").write_text(markdown(board), encoding="utf-8")
    write_leaderboard(path.with_suffix(".html"), board)
