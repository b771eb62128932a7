"""``whence models``: the bundles found on this machine, and bundles made of published weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from whence.cli.exits import Exit
from whence.cli.output import write_facts, write_json, write_table

if TYPE_CHECKING:
    from whence.core.bundle import Bundle

_SHOWN = 8
"""Of a long list in a card, so many entries are shown; --json has all."""

_EXAMPLES = """\b
Examples:
  whence models
  whence models my_model
  whence models ./my_model --json
  whence models get geoclip --download
  whence models get streetclip --from downloads/StreetCLIP --yes
  whence locate photo.jpg --model my_model
"""
_SHOW = "show"


@final
class ModelsGroup(click.Group):
    """A group whose first word may be a model instead of a command: then that model is shown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front that is meant where none is named."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=ModelsGroup,
    short_help="List the models found here, show one, or make one of published weights.",
    epilog=_EXAMPLES,
    subcommand_metavar="[show] [NAME|DIR] | get NAME",
)
def models() -> None:
    """List the models (bundles) found here, show the card of one, or make one of published weights.

    Without a command, or with the name or folder of a model, it is 'whence models show'.
    """


@models.command(_SHOW, short_help="List the models found here, or show one.")
@click.argument("name", required=False, metavar="[NAME|DIR]")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def show(name: str | None, as_json: bool) -> int:
    """List the models (bundles) found here, or show the card of one; every part is checked against its hash.

    They are looked for in the folders of the environment variable WHENCE_MODELS, in the user's cache folder and
    in the program's own.

    Ends with exit code 1 if a listed bundle is damaged, 4 if the one asked for is.
    """
    from whence.core.bundle import list_bundles, load_bundle
    from whence.core.errors import ArtifactError
    from whence.core.folders import model_folders

    if name is not None:
        bundle = load_bundle(name)
        if as_json:
            write_json(_card(bundle))
        else:
            write_facts(_facts(bundle))
        return Exit.DONE
    rows, listed, damaged = [], [], 0
    for called, folder in list_bundles().items():
        try:
            bundle = load_bundle(folder)
            rows.append((called, bundle.header.kind, bundle.header.title, _size(bundle), "whole"))
            listed.append({"called": called, "state": "whole", **_card(bundle)})
        except ArtifactError as error:
            damaged += 1
            rows.append((called, "", "", "", str(error)))
            listed.append({"called": called, "state": "damaged", "folder": str(folder), "error": str(error)})
    places = [str(folder) for folder in model_folders()]
    if as_json:
        write_json({"models": listed, "looked_in": places})
    elif rows:
        write_table(("model", "kind", "what it is", "size", "state"), rows)
    else:
        click.echo(f"No models were found in {', '.join(places)}.\nSet WHENCE_MODELS, or give the folder of one.")
    return Exit.SOME_FAILED if damaged else Exit.DONE


@models.command("get", short_help="Make a bundle of published weights.")
@click.argument("name", metavar="NAME")
@click.option(
    "--from",
    "folders",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take the files from this folder or the folders in it; may be given several times.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the bundle goes; a folder of its name in the user's cache folder if not given.",
)
@click.option("--download", is_flag=True, help="Ask the public hub for what is not on this machine.")
@click.option("--yes", is_flag=True, help="Accept the licence, and weights that are not the published ones.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
def get(name: str, folders: tuple[Path, ...], folder: Path | None, download: bool, yes: bool, overwrite: bool) -> None:
    """Make the bundle NAME of published weights: geoclip, streetclip or siglip.

    The files are looked for in the folders given with --from, in the cache of the public hub on this machine
    and in installed packages; nothing is fetched without --download. Every file is hashed, compared with the
    published hash where that is known, and written into the bundle's card.

    Stopped or killed, the same command goes on where it stopped. Needs the extras: pip install
    'whence[train,towers]'.
    """
    from whence.cli.progress import StepBar
    from whence.core.folders import cache_folder
    from whence.core.optional import optional_import
    from whence.encode.published import published

    model = published(name)
    optional_import("torch", extra="train", purpose=f"make the bundle {name}")
    from whence.train.obtain import Request, build_bundle, find_all

    target = cache_folder() / "models" / model.name if folder is None else folder
    request = Request(model, target, folders, download=download, overwrite=overwrite)
    click.echo(f"{model.title}\nLicence: {model.licence}. {model.notice}", err=True)
    _agree("the licence", "Do you accept it?", yes)
    with StepBar("files:") as bar:
        found = find_all(request, bar.report)
    changed = [file for item in found for file in item.different]
    if changed:
        click.echo(f"Not the published weights: {', '.join(changed)} differ. The card will say so.", err=True)
        _agree("these weights", "Make a bundle of them all the same?", yes)
    with StepBar("making:") as bar:
        made = build_bundle(request, found, bar.report)
    write_facts(
        [
            ("bundle", str(target)),
            ("name", made.header.name),
            ("licence", made.header.licence),
            ("made of", _made_of(made.header.config)),
            ("hash", made.hash),
            ("try it", f"whence locate photo.jpg --model {made.header.name if folder is None else target}"),
        ]
    )


def _agree(what: str, question: str, yes: bool) -> None:
    """Ask on a terminal; elsewhere only ``--yes`` will do."""
    if yes:
        return
    if not _is_terminal():
        raise click.UsageError(f"Nobody is there to accept {what}: read the notice above, and accept it with --yes.")
    click.confirm(question, abort=True, err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _card(bundle: Bundle) -> dict[str, Any]:
    return {"folder": str(bundle.folder), "hash": bundle.hash, **json.loads(bundle.header.to_json())}


def _facts(bundle: Bundle) -> list[tuple[str, str]]:
    header = bundle.header
    plain = {key: value for key, value in header.config.items() if not isinstance(value, dict)}
    concepts = f"{len(header.concept_ids)} of the bank {header.bank_hash[:12]}" if header.concept_ids else "none"
    return [
        ("name", header.name),
        ("what it is", header.title),
        ("kind", header.kind),
        ("paper", header.paper),
        ("licence", header.licence),
        ("training data", header.training_data),
        ("known overlap", header.known_overlap),
        ("concepts", concepts),
        ("made of", _made_of(header.config)),
        ("configuration", _pairs(plain)),
        ("calibration", _pairs(header.calibration)),
        ("preprocessing", _pairs(header.preprocessing)),
        ("parts", ", ".join(f"{part} {_bytes(entry['bytes'])}" for part, entry in sorted(header.parts.items()))),
        ("made", f"{header.created} by whence {header.whence}"),
        ("hash", f"{bundle.hash}, every part as stated"),
        ("folder", str(Path(bundle.folder).resolve())),
    ]


def _made_of(config: Any) -> str:
    """Files that the bundle was made of, for those of published weights."""
    recipe = config.get("recipe")
    parts = recipe.get("made_from", []) if isinstance(recipe, dict) else []
    return "; ".join(
        f"{part['what']}: "
        + ", ".join(f"{name} {entry['sha256'][:12]} ({entry['state']})" for name, entry in part["files"].items())
        for part in parts
    )


def _pairs(values: Any) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, list):
        more = f" … and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
        return " ".join(map(str, value[:_SHOWN])) + more
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(bundle: Bundle) -> str:
    return _bytes(sum(int(entry["bytes"]) for entry in bundle.header.parts.values()))


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
