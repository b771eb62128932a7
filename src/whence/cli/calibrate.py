"""``whence calibrate``: how much sources are to be believed, learned from pictures whose place is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.output import write_json, write_table

if TYPE_CHECKING:
    from whence.estimate.calibration import Calibration

_EXAMPLES = """\b
Examples:
  whence predict photos.csv -o predictions.parquet
  whence calibrate predictions.parquet -o calibration.json
  whence locate photo.jpg --calibration calibration.json
"""
_KINDS = {"area": "regions of the map", "country": "sets of countries", "region": "sets of divisions"}


@click.command(short_help="Fit how much to believe the sources.", epilog=_EXAMPLES)
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="JSON file of the calibration.",
)
@click.option(
    "--unit",
    default="auto",
    show_default=True,
    help="New pictures are like these (picture), or like those of one photographer more (group).",
)
@click.option(
    "--abstain-by",
    default="p50_km",
    show_default=True,
    help="Rule for abstaining: p50_km, gain_bits or learned; none keeps that of the settings.",
)
@click.option("--target-km", default=750.0, show_default=True, help="An answer is wrong if it errs by more.")
@click.option("--target-risk", default=0.25, show_default=True, help="Share of given answers that may be wrong.")
@click.option("--confidence", default=0.9, show_default=True, help="With which the risk is to be below that.")
@click.option(
    "--source-pictures", default=20, show_default=True, help="Leave sources as they are that spoke of fewer pictures."
)
@click.option("--json", "as_json", is_flag=True, help="Write the calibration as JSON to standard output too.")
def calibrate(predictions: Path, output: Path, as_json: bool, **given: Any) -> None:
    """Fit, to pictures whose place is known, how much each source is to be believed and how the belief is read.

    PREDICTIONS is a file of whence predict. For each source that is a temperature and how often it is wrong;
    for the belief, levels at which regions hold the truth as often as they say, and a rule for abstaining. What
    it changes is measured on photographers that it was not fitted on, each left out in turn.
    """
    from whence.evaluate.calibration import Config
    from whence.evaluate.calibration import calibrate as fit
    from whence.evaluate.prediction_file import read_run

    file = read_run(predictions)
    found = fit(file.run, file.records(estimates=False), Config(**given))
    found.save(output)
    if as_json:
        write_json(found.to_dict())
        return
    _show(found)
    click.echo(f"Written to {output}.")


def _show(found: Calibration) -> None:
    click.echo(f"Calibrated on {found.pictures:,} pictures of {len(found.groups) or 'unknown'} photographers.")
    write_table(
        ("source", "temperature", "wrong", "pictures"),
        [
            (name, f"{item.temperature:.3g}", f"{100 * item.wrong_share:.2g} %", f"{item.pictures:,}")
            for name, item in found.sources.items()
        ],
    )
    rows = found.figures["held_out"]
    if rows:
        write_table(
            ("held out", "n", "bits before", "after", "in 50 % before", "after", "in 90 % before", "after"),
            [_held_out_row(row) for row in rows],
            title="On photographers left out",
        )
    else:
        click.echo("All pictures are of one photographer: nothing could be left out to measure what this changes.")
    write_table(
        ("what", "holds the truth in", "drawn at", "exchangeable"),
        [
            (
                _KINDS[item.kind],
                f"{item.coverage:.0%}",
                "everything" if item.level >= 1.0 else f"{100 * item.level:.1f} % of the belief",
                "photographers" if item.unit == "group" else "pictures",
            )
            for item in found.levels
        ],
    )
    for remark in _remarks(found):
        click.echo(remark)


def _held_out_row(row: dict[str, Any]) -> tuple[str, ...]:
    def bits(value: float | None) -> str:
        return "ruled out" if value is None else f"{value:+.2f}"

    shares = [
        f"{100 * row[key][level]:.0f} %" for level in ("0.5", "0.9") for key in ("covered_before", "covered_after")
    ]
    return (row["group"] or "all", str(row["pictures"]), bits(row["bits_before"]), bits(row["bits_after"]), *shares)


def _remarks(found: Calibration) -> list[str]:
    said = []
    for name, count in found.figures["not_fitted"].items():
        said.append(f"{name} is left as it was: it said something of {count} pictures.")
    rule = found.abstention
    if rule is not None:
        said.append(
            f"Answers are given to {rule.coverage:.0%} of pictures ({rule.coverage_low:.0%} to "
            f"{rule.coverage_high:.0%}); {rule.risk:.0%} of them err by more than {rule.target_km:g} km "
            f"({rule.risk_low:.0%} to {rule.risk_high:.0%}). By {rule.by}, from {rule.threshold:.4g}."
        )
    elif found.figures["abstention"]:
        said.append("No rule for abstaining was shown to keep the risk: the rule of the settings stays.")
    return said
