"""``whence predict``: a data set located into one file, to be scored by ``whence evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.exits import Exit
from whence.cli.interrupt import graceful_interrupt
from whence.cli.locate import answer_options, options_of
from whence.cli.progress import ProgressBar

if TYPE_CHECKING:
    from whence.batch.predict import PredictionRun

_NAMED_FAILURES = 20
_EXAMPLES = """\b
Examples:
  whence predict photos/photos.csv -o predictions.parquet
  whence predict im2gps3k --root data/im2gps3k -o im2gps3k.parquet --workers 4 --resume
  whence predict photos/ -o small.parquet --limit 100 --sources text,names
  whence evaluate predictions.parquet
"""


@click.command(short_help="Locate a data set into a file to be scored.", epilog=_EXAMPLES)
@click.argument("dataset")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Parquet file of the predictions.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the data set, or below which the pictures of a table lie.",
)
@click.option("--part", default="", metavar="NAME", help="Published part of the data set.")
@click.option("--group", default="", metavar="COLUMN", help="Column of the table that names photographer or album.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Take only the first N pictures.")
@click.option("--with-gps", is_flag=True, help="Let GPS tags count; they are left out otherwise.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted run left.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes that work side by side."
)
@answer_options
def predict(dataset: str, output: Path, **given: Any) -> int:
    """Locate every picture of a data set, and keep the whole belief of each for whence evaluate.

    DATASET is the name of a data set with --root, a CSV table with the columns file, lat_deg and lon_deg, or a
    folder that holds one. The predictions hold truths, answers, beliefs and what each source said; scoring them
    needs neither pictures nor models. A picture that cannot be read becomes a row with its failure.
    """
    from whence.batch.predict import PredictionRun, read_test_set

    test_set = read_test_set(
        dataset, root=given["root"], part=given["part"], group=given["group"], limit=given["limit"]
    )
    options = options_of({**given, "ignore_gps": not given["with_gps"]})
    run = PredictionRun(
        test_set, options, output, text=given["text"], resume=given["resume"], overwrite=given["overwrite"]
    )
    try:
        return _go(run, len(test_set.jobs), output, given["workers"])
    finally:
        run.close()


def _go(run: PredictionRun, total: int, output: Path, workers: int) -> int:
    before = total - len(run.todo)
    if before:
        click.echo(f"{before} of {total} pictures were located before; going on.", err=True)
    done, failures = 0, []
    try:
        with ProgressBar(total, before) as bar, graceful_interrupt() as stop:
            for outcome in run.go(workers=workers, stop=stop):
                done += 1
                if outcome.failure is not None:
                    failures.append(f"{outcome.job.name}: {outcome.failure.message}")
                bar.step(failed=outcome.failure is not None)
    except KeyboardInterrupt:
        pass
    for said in failures[:_NAMED_FAILURES]:
        click.echo(f"failed: {' '.join(said.split())[:1000]}", err=True)
    if len(failures) > _NAMED_FAILURES:
        click.echo(f"… and {len(failures) - _NAMED_FAILURES} more failed.", err=True)
    if done < len(run.todo):
        click.echo(
            f"Interrupted after {before + done} of {total}. Run the same command with --resume to go on.", err=True
        )
        return Exit.INTERRUPTED
    run.finish()
    failed = run.failed + len(failures)
    click.echo(f"{total - failed} of {total} answered, {failed} failed: {output}", err=True)
    if failed == total:
        return Exit.NONE_ANSWERED
    return Exit.SOME_FAILED if failed else Exit.DONE
