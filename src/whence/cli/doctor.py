"""``whence doctor``: what is installed, what is missing, how to get it."""

from __future__ import annotations

from dataclasses import asdict

import click

from whence.cli.exits import Exit
from whence.cli.output import write_json, write_table

_MARKS = {"ok": "ok", "missing": "optional", "broken": "BROKEN"}
_EXAMPLES = """\b
Examples:
  whence doctor
  whence doctor --json
"""


@click.command(short_help="Look at this installation; say what is missing.", epilog=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def doctor(as_json: bool) -> int:
    """Look at this installation: packages, tables, evidence sources, text reader; locate a test picture.

    Ends with exit code 1 if something that is needed is broken; what is optional may be absent.
    """
    from whence.cli.checks import run_checks

    checks = list(run_checks())
    broken = [check for check in checks if check.state == "broken"]
    if as_json:
        write_json({"healthy": not broken, "checks": [asdict(check) for check in checks]})
    else:
        rows = [(check.part, _MARKS[check.state], _said(check.detail, check.remedy)) for check in checks]
        write_table(("part", "state", "details"), rows)
        click.echo(
            f"{len(broken)} broken: {', '.join(check.part for check in broken)}."
            if broken
            else "All that is needed works."
        )
    return Exit.SOME_FAILED if broken else Exit.DONE


def _said(detail: str, remedy: str) -> str:
    return "\n".join(part for part in (detail, remedy and f"→ {remedy}") if part)
