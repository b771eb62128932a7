"""The pages on commands and settings are made from the program, and leave nothing out."""

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest

from program import environment
from whence.cli.exits import EXITS, Exit
from whence.cli.main import program
from whence.core.config import settings
from whence.evidence.run import sources
from whence.pipeline import Options, config_of

ROOT = Path(__file__).resolve().parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_pages_are_up_to_date():
    pytest.importorskip("torch", reason="the extra train is not installed")
    script = ROOT / "scripts" / "build_cli_docs.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", program.commands)
def test_every_command_and_option_is_documented(name):
    command = program.commands[name]
    part = CLI.partition(f"## whence {name}\n")[2].partition("\n## ")[0]
    assert command.help
    assert command.help.split("\n")[0] in part
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(text in part for text in parameter.opts), parameter.name


@pytest.mark.parametrize("name", [key for key, item in program.commands.items() if isinstance(item, click.Group)])
def test_every_command_of_a_group_is_documented_with_its_options(name):
    for key, command in program.commands[name].commands.items():
        part = CLI.partition(f"### whence {name} {key}\n")[2].partition("\n##")[0]
        assert command.help
        assert command.help.split("\n")[0] in part
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, parameter.name
                assert all(text in part for text in parameter.opts), parameter.name


def test_every_exit_code_is_documented():
    assert set(EXITS) == set(Exit)
    for code, text in EXITS.items():
        assert f"| {code.value} | {text} |" in CLI
        assert f"{code.value:>3}  " in program.epilog


def test_every_option_of_the_locator_is_an_option_of_the_command():
    names = {parameter.name for parameter in program.commands["locate"].params}
    assert {field.name for field in fields(Options)} <= names


def test_every_setting_is_documented_with_its_help():
    for item in settings(Options):
        assert f"| `{item.name}` |" in CONFIGURATION
    for name in sources().names():
        config = config_of(sources().load(name))
        for item in settings(config) if config else ():
            assert item.help, f"{name}.{item.name}"
            assert f"| `{name}.{item.name}` |" in CONFIGURATION


def test_every_setting_of_a_recipe_is_documented():
    pytest.importorskip("torch", reason="the extra train is not installed")
    from whence.encode.image import image_encoders
    from whence.encode.location import location_encoders
    from whence.train.data import data_kinds
    from whence.train.recipe import Augment, Concepts, Loss, Optimiser
    from whence.train.scenery.recipe import SECTIONS

    for section, config in (("concepts", Concepts), ("loss", Loss), ("augment", Augment), ("optimiser", Optimiser)):
        part = _part(f"### [{section}]\n")
        assert all(f"| `{section}.{item.name}` |" in part for item in settings(config))
    for section, config in SECTIONS.items():
        part = _part(f"### [{section}] of scenery\n")
        assert all(f"| `{section}.{item.name}` |" in part for item in settings(config))
    components = (("data", "kind", data_kinds()), ("image", "encoder", image_encoders()))
    for section, key, registry in (*components, ("location", "encoder", location_encoders())):
        for name in registry.names():
            part = _part(f'### [{section}] {key} = "{name}"\n')
            assert all(f"| `{section}.{item.name}` |" in part for item in settings(registry.load(name).CONFIG))


def _part(heading):
    assert heading in CONFIGURATION
    return CONFIGURATION.partition(heading)[2].partition("\n##")[0]


def test_every_recipe_is_documented():
    pages = "".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("training.md", "crossview-training.md")
    )
    for recipe in (ROOT / "recipes").glob("*.toml"):
        told = f"| `{recipe.stem}` |" in pages or f"| `{recipe.name}` |" in pages
        assert told, f"neither page on training speaks of {recipe.stem}"


def _training_commands():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^(?:\$ )?(whence train recipes/.*)$", text, re.MULTILINE):
            yield pytest.param(line, id=f"{page.stem}: {line}")


@pytest.mark.parametrize("line", [*_training_commands()])
def test_commands_that_train_name_recipes_and_settings_that_are_there(line, monkeypatch):
    monkeypatch.chdir(ROOT)
    pytest.importorskip("torch", reason="the extra train is not installed")
    from whence.core.config import build
    from whence.encode.image import image_encoders
    from whence.encode.location import location_encoders
    from whence.train.crossview.data import crossview_data
    from whence.train.crossview.model import build_net
    from whence.train.crossview.recipe import is_crossview, load_crossview_recipe
    from whence.train.data import data_kinds
    from whence.train.heads import MlpHead
    from whence.train.recipe import load_recipe
    from whence.train.scenery.recipe import is_scenery, load_scenery_recipe

    words = shlex.split(line, comments=True)
    given = program.commands["train"].make_context("train", words[2:])
    changes = dict(text.split("=", 1) for text in given.params["changes"])
    if is_crossview(ROOT / words[2]):
        crossview = load_crossview_recipe(ROOT / words[2], changes)
        build(crossview_data().load(crossview.data.name).CONFIG, crossview.data.settings, owner=crossview.data.name)
        build_net(crossview)
        return
    if is_scenery(ROOT / words[2]):
        scenery = load_scenery_recipe(ROOT / words[2], changes)
        settings_of_image = {key: value for key, value in scenery.image.settings.items() if key != "labels"}
        build(image_encoders().load(scenery.image.name).CONFIG, settings_of_image, owner=scenery.image.name)
        return
    recipe = load_recipe(ROOT / words[2], changes)
    head = recipe.image.name == "mlp_head"
    for kind, component in (
        (data_kinds().load(recipe.data.name), recipe.data),
        (location_encoders().load(recipe.location.name), recipe.location),
        (MlpHead if head else image_encoders().load(recipe.image.name), recipe.image),
    ):
        build(kind.CONFIG, component.settings, owner=component.name)
