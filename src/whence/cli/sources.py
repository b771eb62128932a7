"""``whence sources``: what reads evidence out of a picture, and what each needs."""

from __future__ import annotations

import click

from whence.cli.output import write_json, write_table

_EXAMPLES = """\b
Examples:
  whence sources
  whence locate photo.jpg --sources exif,clock
  whence locate photo.jpg --sources -text
"""


@click.command(short_help="List the evidence sources.", epilog=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with every setting.")
def sources(as_json: bool) -> None:
    """List the evidence sources: what each reads and needs, how it allows for being wrong."""
    from whence.core.config import settings
    from whence.evidence.run import sources as registry
    from whence.pipeline import config_of

    rows = []
    listed = []
    for name in registry().names():
        kind = registry().load(name)
        missing = kind().availability()
        config = config_of(kind)
        rows.append((name, kind.SUMMARY, kind.NEEDS, kind.ERROR_MODEL, missing or "yes"))
        listed.append(
            {
                "name": name,
                "reads": kind.SUMMARY,
                "needs": kind.NEEDS,
                "error_model": kind.ERROR_MODEL,
                "time_limit_s": kind.TIME_LIMIT_S,
                "available": missing is None,
                "missing": missing,
                "settings": [
                    {
                        "name": f"{name}.{item.name}",
                        "type": item.type,
                        "default": _plain(item.default),
                        "help": item.help,
                    }
                    for item in (settings(config) if config else ())
                ],
            }
        )
    if as_json:
        write_json({"sources": listed})
    else:
        write_table(("source", "reads", "needs", "when it is wrong", "available"), rows)


def _plain(default: object) -> object:
    """A default as JSON has it; one that is made anew for each use is ``None``."""
    return default if isinstance(default, (bool, int, float, str)) else None
