"""The pages on commands and settings are made from the program, and leave nothing out."""

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
