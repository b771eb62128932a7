"""Write docs/cli.md and docs/configuration.md from the program itself, or check that they are up to date.

python scripts/build_cli_docs.py [--check]

The settings of encoders and training data are read from their classes, so the extras train and towers are needed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import click

from whence.cli.exits import EXITS
from whence.cli.main import program
from whence.core.config import Setting, settings
from whence.crossview.refine import refining_parts
from whence.crossview.track.config import Config as TrackConfig
from whence.crossview.track.telemetry import Config as TelemetryConfig
from whence.earth.tiles.opening import Config as OpeningConfig
from whence.encode.image import image_encoders
from whence.encode.location import location_encoders
from whence.encode.text import text_encoders
from whence.estimate.estimate import Config as EstimateConfig
from whence.evidence.prior import Config as PriorConfig
from whence.evidence.run import sources
from whence.pipeline import Options, config_of
from whence.train.crossview.data import crossview_data
from whence.train.crossview.recipe import SECTIONS as CROSSVIEW_SECTIONS
from whence.train.crossview.recipe import Phase
from whence.train.data import data_kinds
from whence.train.heads import Config as HeadConfig
from whence.train.recipe import RECIPE_SCHEMA, Augment, Concepts, Loss, Optimiser
from whence.train.scenery.recipe import SECTIONS as SCENERY_SECTIONS

DOCS = Path(__file__).resolve().parents[1] / "docs"
_ERRORS = (
    'Errors are one line on standard error; with `--json`, one line of JSON: `{"error": {"type": …, "message": …}}`.\n'
)
_LINES = (
    "One picture is one line, whatever comes of it, in the order of the input. A line with an answer has the layout "
    "`whence.estimate/1` ([JSON](json.md)); one without has `whence.failure/1`: `query` with `name` and `sha256`, "
    "`error` with `type` and `message`, `versions`.\n\n"
    "`versions.run` is a hash of the version, the tables, all options and the text. A file is gone on with only if "
    "its lines have the same; a picture is located again if its bytes changed, if its report is gone, or if it "
    "failed for a reason that may pass, such as memory. A last line that was torn by a power failure is dropped and "
    "its picture located again. The finished file equals that of a run without interruption, but for `timings_ms` "
    "and the `elapsed_ms` of the sources.\n"
)
_CONFIGURATION = (
    "Everything that can change an answer is here, and its hash stands in every result "
    "(`versions.configuration`). Unknown names are refused, and the nearest is suggested. What models are trained with "
    "stands under [recipes](#recipes).\n"
)
_SETTINGS = (
    'Given as `--set PART.NAME=VALUE`, or in Python as `settings={"PART.NAME": "VALUE"}`. Error rates were '
    "set beforehand by general reasoning, not fitted to pictures.\n"
)
_RECIPES = (
    "A recipe is a TOML file for `whence train` ([Training](training.md)); a section of it is a table here. Any value "
    "can be changed on the command line: `--set data.count=5000`, `--set seed=3`. Unknown keys are refused, and the "
    "nearest is suggested. The whole recipe is kept with the run and in the header of the bundle.\n\n"
    "Settings of an image encoder serve it as a frozen tower too, without their prefix: "
    '`data.tower_settings = "weights=random; image_px=96"`.\n'
)
_SCENERY = (
    'Recipes with `kind = "scenery"` at the top, such as `recipes/pocket.toml`, train models of '
    "[scenery](pocket.md). `name`, `summary`, `seed` and `schema` are as above; `[image]` takes an image encoder, its "
    "settings, and `labels`, a file with the names of its classes, one a line.\n"
)
_CROSSVIEW = (
    'Recipes with `kind = "crossview"` at the top, such as `recipes/gleam_chips.toml`, train towers for '
    "[cross-view matching](crossview-training.md). `name`, `summary`, `seed` and `schema` are as above; `[tower]` "
    "takes `chipnet` or `mobilenet_v2` and its settings, `[augment]` and `[optimiser]` are as above, and there are one "
    "to four phases, `[phase_1]` first.\n"
)
_TEXTS = (
    "Fields of their `Config`, in Python ([Image and text encoders](image-encoders.md)); `concepts.text_encoder` of a "
    "recipe takes one by name, as it is by default.\n"
)
_TOP = (
    ("schema", "int", "needed", "Version of the format: {schema}."),
    ("name", "str", "needed", "Name of the experiment, and of its bundle."),
    ("summary", "str", "`''`", "What it is, one line; the title in the bundle's card."),
    ("seed", "int", "`0`", "Of everything random: places, split, weights, order, augmentation."),
)
_MADE = "<!-- Made by scripts/build_cli_docs.py: change the program, not this page. -->\n"


def cli_page() -> str:
    """The page on the commands: usage, arguments, options, examples, exit codes."""
    parts = [
        _MADE,
        "# Command line\n",
        _plain(program.help or ""),
        _ERRORS,
        "## Result lines\n",
        _LINES,
        "## Exit codes\n",
        "| code | meaning |\n|---:|---|",
        *(f"| {code.value} | {text} |" for code, text in EXITS.items()),
        "",
    ]
    context = click.Context(program, info_name="whence")
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        parts.append(_command_part(name, command, context))
    return "\n".join(parts)


def _command_part(name: str, command: click.Command, parent: click.Context, depth: int = 2) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{'#' * depth} {context.command_path}\n", f"```text\n{usage}\n```\n", _plain(command.help or "")]
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            shown = parameter.get_help_record(context)
            assert shown is not None
            rows.append(f"| {_code(shown[0])} | {_cell(shown[1])} |")
    rows.append("| `-h`, `--help` | Show the help and exit. |")
    lines += ["| option | meaning |\n|---|---|", *rows, ""]
    if command.epilog:
        examples = command.epilog.replace("\b", "").strip().removeprefix("Examples:").strip("\n")
        lines.append("```text\n" + "\n".join(line.removeprefix("  ") for line in examples.splitlines()) + "\n```\n")
    if isinstance(command, click.Group):
        lines += [_command_part(key, command.commands[key], context, depth + 1) for key in sorted(command.commands)]
    return "\n".join(lines)


def configuration_page() -> str:
    """The page on all options and settings, with types and defaults."""
    parts = [
        _MADE,
        "# Configuration\n",
        _CONFIGURATION,
        "## Options\n",
        "Fields of `whence.Options`, keyword arguments of `whence.locate`, and options of `whence locate`.\n",
        _table("option", settings(Options), ""),
        "## Settings\n",
        _SETTINGS,
    ]
    named: list[tuple[str, type | None]] = [("estimate", EstimateConfig), ("prior", PriorConfig)]
    named += [*refining_parts().items(), ("tiles", OpeningConfig)]
    named += [("track", TrackConfig), ("telemetry", TelemetryConfig)]
    named += [(name, config_of(sources().load(name))) for name in sources().names()]
    for name, config in named:
        found = settings(config) if config else ()
        parts.append(f"### {name}\n")
        parts.append(_table("setting", found, f"{name}.") if found else "It has no settings.\n")
    return "\n".join([*parts, *_recipe_parts()])


def _recipe_parts() -> list[str]:
    """Recipes: keys at the top, sections, and the settings of every component that a section can name."""
    top = [
        f"| `{key}` | `{kind}` | {default} | {text.format(schema=RECIPE_SCHEMA)} |" for key, kind, default, text in _TOP
    ]
    parts = ["## Recipes\n", _RECIPES, "| key | type | default | meaning |\n|---|---|---|---|", *top, ""]
    for section, choice, registry in (
        ("data", "kind", data_kinds()),
        ("image", "encoder", image_encoders()),
        ("location", "encoder", location_encoders()),
    ):
        named = [(name, registry.load(name).CONFIG) for name in registry.names()]
        if section == "image":
            named.insert(0, ("mlp_head", HeadConfig))
        for name, config in named:
            parts += [f'### [{section}] {choice} = "{name}"\n', _table("setting", settings(config), f"{section}.")]
    for name, config in (("concepts", Concepts), ("loss", Loss), ("augment", Augment), ("optimiser", Optimiser)):
        parts += [f"### [{name}]\n", _table("setting", settings(config), f"{name}.")]
    parts += ["## Scenery recipes\n", _SCENERY]
    for name, config in SCENERY_SECTIONS.items():
        parts += [f"### [{name}] of scenery\n", _table("setting", settings(config), f"{name}.")]
    parts += ["## Cross-view recipes\n", _CROSSVIEW]
    for name in crossview_data().names():
        config = crossview_data().load(name).CONFIG
        parts += [f'### [data] kind = "{name}"\n', _table("setting", settings(config), "data.")]
    for name in ("family", "loss", "position", "batches"):
        parts += [f"### [{name}] of cross-view\n", _table("setting", settings(CROSSVIEW_SECTIONS[name]), f"{name}.")]
    parts += ["### [phase_1]\n", _table("setting", settings(Phase), "phase_1.")]
    parts += ["## Text encoders\n", _TEXTS]
    for name in text_encoders().names():
        parts += [f"### {name}\n", _table("setting", settings(text_encoders().load(name).CONFIG), "")]
    return parts


def _table(head: str, found: tuple[Setting, ...], prefix: str) -> str:
    rows = [f"| {head} | type | default | meaning |\n|---|---|---|---|"]
    for item in found:
        if not item.help:
            raise SystemExit(f"{prefix}{item.name} has no string under it: say what it is.")
        rows.append(
            f"| `{prefix}{item.name}` | {_code(item.type)} | {_code(_default(item.default))} | {_cell(item.help)} |"
        )
    return "\n".join(rows) + "\n"


def _default(value: object) -> str:
    return "none" if "MISSING" in str(value) else repr(value)


def _plain(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.replace("\b", "").split("\n\n")) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def main() -> None:
    """Write the pages, or fail if they differ from what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    check = parser.parse_args().check
    stale = []
    for name, content in (("cli.md", cli_page()), ("configuration.md", configuration_page())):
        page = DOCS / name
        if page.is_file() and page.read_text(encoding="utf-8") == content:
            continue
        stale.append(name)
        if not check:
            page.write_text(content, encoding="utf-8")
    if check and stale:
        sys.exit(f"Out of date: {', '.join(stale)}. Run: python scripts/build_cli_docs.py")
    print(f"{'Written' if stale else 'Up to date'}: {', '.join(stale) or 'docs/cli.md, docs/configuration.md'}")


if __name__ == "__main__":
    main()
