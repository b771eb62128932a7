"""``whence train`` and ``whence export``: from a recipe to a run, from a run to a bundle."""

from __future__ import annotations

import os
from pathlib import Path

import click

from whence.cli.output import write_facts, write_json

_EXAMPLES = """\b
Examples:
  whence train recipes/chips_concept.toml --out runs/chips --set data.raster=bluemarble.jpg
  whence train recipes/chips_concept.toml --out runs/short --set optimiser.epochs=1 --set seed=3
  torchrun --nproc-per-node 2 -m whence train recipes/chips_concept.toml --out runs/two
"""


@click.command(short_help="Train a recipe.", epilog=_EXAMPLES)
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where it goes.")
@click.option("--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a value of the recipe.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def train(recipe: Path, folder: Path, changes: tuple[str, ...], as_json: bool) -> None:
    """Train the model of RECIPE, a TOML file, and score it on pictures that it never saw.

    Stopped or killed, the same command goes on where the last checkpoint stands and gives the same weights. Needs the
    extra: pip install 'whence[train]'.
    """
    from whence.core.optional import optional_import

    for package in ("torch", "accelerate", "safetensors", "tensorboard"):
        optional_import(package, extra="train", purpose="train models")
    from whence.cli.progress import StepBar
    from whence.train.crossview.recipe import is_crossview
    from whence.train.recipe import load_recipe
    from whence.train.run import train_recipe
    from whence.train.scenery.recipe import is_scenery

    if is_scenery(recipe):
        _train_scenery(recipe, folder, _changes(changes), as_json)
        return
    if is_crossview(recipe):
        _train_crossview(recipe, folder, _changes(changes), as_json)
        return
    parsed = load_recipe(recipe, _changes(changes))
    with StepBar("training") as bar:
        run = train_recipe(parsed, folder, bar.report)
    if os.environ.get("RANK", "0") != "0":  # under torchrun the first process speaks for all
        return
    scores = run.scores
    if as_json:
        write_json(dict(scores))
        return
    best = scores["median"]
    write_facts(
        [
            ("run", str(folder)),
            ("test pictures", f"{scores['test_pictures']:,}"),
            ("median error", f"{best['median_km']:,.0f} km"),
            *((f"within {km}", f"{100 * best[key]:.1f} %") for km, key in _SHARES),
            ("gained over area", f"{scores['bits']:.2f} bits"),
            ("training", f"{scores['training_s']:.0f} s, {scores['steps']:,} steps"),
        ]
    )


def _train_scenery(recipe: Path, folder: Path, changes: dict[str, str], as_json: bool) -> None:
    from whence.cli.progress import StepBar
    from whence.train.scenery.recipe import load_scenery_recipe
    from whence.train.scenery.run import train_scenery

    with StepBar("training") as bar:
        scores = train_scenery(load_scenery_recipe(recipe, changes), folder, bar.report).scores
    if as_json:
        write_json(dict(scores))
        return
    write_facts(
        [
            ("run", str(folder)),
            ("photographs", f"{scores['photographs']:,}"),
            ("concepts", str(scores["concepts"])),
            ("gained over the prior", f"{scores['bits']:.2f} bits on photographers held out"),
            ("of that without looking", f"{scores['bits_unseen']:.2f} bits"),
            *((f"  {group}", f"{bits:.2f} bits") for group, bits in scores["bits_by_group"].items()),
            ("temperature", f"{scores['temperature']:g}"),
            ("training", f"{scores['features_s']:.0f} s of features, {scores['fit_s']:.0f} s of fitting"),
        ]
    )


def _train_crossview(recipe: Path, folder: Path, changes: dict[str, str], as_json: bool) -> None:
    from whence.cli.progress import StepBar
    from whence.train.crossview.recipe import load_crossview_recipe
    from whence.train.crossview.run import train_crossview

    with StepBar("training") as bar:
        scores = train_crossview(load_crossview_recipe(recipe, changes), folder, bar.report).scores
    if os.environ.get("RANK", "0") != "0":
        return
    if as_json:
        write_json(dict(scores))
        return
    last = scores["phases"][max(scores["phases"])]["test"]
    write_facts(
        [
            ("run", str(folder)),
            *(
                (
                    pair,
                    f"R@1 {found['r1']:.1f} %, R@5 {found['r5']:.1f} %; {found['queries']:,} in {found['gallery']:,}",
                )
                for pair, found in last.items()
            ),
            ("training", f"{scores['training_s']:.0f} s, {scores['steps']:,} steps"),
        ]
    )


_SHARES = tuple((f"{km} km", f"within_{km}_km") for km in (25, 200, 750, 2500))


@click.command(short_help="Export a run to a bundle.")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--int8", is_flag=True, help="Image graph in eight bits: smaller and faster, slightly off.")
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Let a scenery model carry what 'whence calibrate' fitted to answers on photographers held out.",
)
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
def export(run: Path, bundle: Path, int8: bool, calibration: Path | None, overwrite: bool) -> None:
    """Export the model in the folder RUN to the folder BUNDLE, which works without PyTorch.

    The exported graphs are compared with PyTorch number by number; a difference is an error.
    """
    from whence.core.optional import optional_import

    if bundle.exists() and not overwrite:
        raise click.UsageError(f"{bundle} is there already: give another folder, or --overwrite to replace it.")
    for package in ("torch", "onnx", "onnxscript"):
        optional_import(package, extra="train", purpose="export models")
    from whence.train.crossview.run import export_crossview, is_crossview_run, load_crossview_run
    from whence.train.run import export_run
    from whence.train.scenery.run import export_scenery, is_scenery_run, load_scenery_run

    if is_scenery_run(run):
        if int8:
            raise click.UsageError("A scenery model is exported in half precision: leave out --int8.")
        from whence.estimate.calibration import Calibration

        carried = Calibration.load(calibration).to_dict() if calibration else None
        made = export_scenery(load_scenery_run(run), bundle, calibration=carried, overwrite=overwrite)
    elif is_crossview_run(run) and not calibration:
        if int8:
            raise click.UsageError("A cross-view model is exported as it was trained: leave out --int8.")
        made = export_crossview(load_crossview_run(run), bundle, overwrite=overwrite)
    elif calibration:
        raise click.UsageError("Only scenery models carry a calibration: leave out --calibration.")
    else:
        made = export_run(run, bundle, int8=int8, overwrite=overwrite)
    write_facts([("bundle", str(bundle)), ("name", made.header.name), ("hash", made.hash)])


def _changes(given: tuple[str, ...]) -> dict[str, str]:
    changes = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set takes SECTION.KEY=VALUE, received {text!r}.")
        changes[name.strip()] = value.strip()
    return changes
