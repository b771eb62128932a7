"""What the commands write: values as JSON, tables, errors. One shape each, whatever the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click


def write_json(value: object) -> None:
    """Write a value to standard output as indented JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Write a table to standard output, as wide as the terminal, or 100 characters without one."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100, highlight=False)
    table = Table(box=SIMPLE, title=title or None, title_justify="left", pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, no_wrap=i == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def write_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Write names and values, one pair a line; pairs without a value are left out."""
    told = [(name, value) for name, value in facts if value]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        click.echo(f"{name:<{width}}  {value}")


def write_error(kind: str, message: str, *, as_json: bool) -> None:
    """Write an error to standard error: ``{"error": {type, message}}``, or a line."""
    if as_json:
        click.echo(json.dumps({"error": {"type": kind, "message": message}}, ensure_ascii=False), err=True)
    else:
        click.echo(f"whence: {message}", err=True)
