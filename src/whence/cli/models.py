"""``whence models``: the bundles found on this machine, what each is, and whether it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.exits import Exit
from whence.cli.output import write_facts, write_json, write_table

if TYPE_CHECKING:
    from whence.core.bundle import Bundle

_EXAMPLES = """\b
Examples:
  whence models
  whence models my_model
  whence models ./my_model --json
  whence locate photo.jpg --set alignment.model=my_model
"""


@click.command(short_help="List the models found here, or show one.", epilog=_EXAMPLES)
@click.argument("name", required=False, metavar="[NAME|DIR]")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def models(name: str | None, as_json: bool) -> int:
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
        ("configuration", _pairs(plain)),
        ("calibration", _pairs(header.calibration)),
        ("preprocessing", _pairs(header.preprocessing)),
        ("parts", ", ".join(f"{part} {_bytes(entry['bytes'])}" for part, entry in sorted(header.parts.items()))),
        ("made", f"{header.created} by whence {header.whence}"),
        ("hash", f"{bundle.hash}, every part as stated"),
        ("folder", str(Path(bundle.folder).resolve())),
    ]


def _pairs(values: Any) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(bundle: Bundle) -> str:
    return _bytes(sum(int(entry["bytes"]) for entry in bundle.header.parts.values()))


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
