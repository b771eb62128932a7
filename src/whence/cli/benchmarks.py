"""``whence benchmarks``: the field's test sets, how each is scored, what is in a folder, and what leaks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.exits import Exit
from whence.cli.output import write_facts, write_json, write_table

if TYPE_CHECKING:
    from whence.evaluate.benchmarks import Benchmark
    from whence.evaluate.benchmarks.folder import FolderCheck
    from whence.evaluate.leakage import Leakage

_EXAMPLES = """\b
Examples:
  whence benchmarks
  whence benchmarks im2gps3k
  whence benchmarks im2gps3k --root data/im2gps3k
  whence benchmarks im2gps3k --root data/im2gps3k --against mp16_places365.csv --place-km 0.1
  whence benchmarks photos_csv --root holdout --against training --json
"""
_PATH = click.Path(path_type=Path)
_SHOWN = 20


@click.command(short_help="List benchmarks, show one, check a folder for layout and leaks.", epilog=_EXAMPLES)
@click.argument("name", required=False)
@click.option("--root", type=_PATH, metavar="DIR", help="Check that this folder holds the data set as published.")
@click.option("--part", default="", metavar="PART", help="Part of the data set in DIR, such as test.")
@click.option(
    "--against",
    type=_PATH,
    metavar="PATH",
    help="Look for what the pictures of DIR share with a CSV table of training pictures, a gallery, or a folder.",
)
@click.option("--against-dataset", default="", metavar="NAME", help="The data set whose layout the folder PATH has.")
@click.option(
    "--place-km",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.0),
    help="A test picture this near to one that was seen is a leak; 0 for none.",
)
@click.option("--pictures/--no-pictures", default=True, help="Open the pictures and compare them, or not.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def benchmarks(name: str | None, root: Path | None, against: Path | None, **given: Any) -> int:
    """List the benchmarks, show how one is scored, or check a folder.

    Without NAME all are listed. With NAME the protocol, the licence and the known leaks of one are shown. With
    --root the folder is compared with the published layout; NAME may then be any data set that whence reads. With
    --against the pictures in it are compared with those that a system was trained on.

    Ends with exit code 1 if pictures are missing, or if a leak was found.
    """
    as_json = given["as_json"]
    if root is None:
        if against is not None or given["part"] or given["against_dataset"]:
            raise click.UsageError("--part, --against and --against-dataset need --root.")
        return _list(as_json) if name is None else _show(name, as_json)
    if name is None:
        raise click.UsageError("--root needs the NAME of the data set in it.")
    if against is None and given["against_dataset"]:
        raise click.UsageError("--against-dataset needs --against.")
    return _check(name, root, against, given)


def _list(as_json: bool) -> int:
    from whence.evaluate.benchmarks import benchmarks as known

    found = known().values()
    if as_json:
        write_json({"benchmarks": [_plain(item) for item in found]})
    else:
        rows = [
            (item.name, item.card.title, f"{item.pictures:,}" if item.pictures else "not known", item.protocol.earth)
            for item in found
        ]
        write_table(("name", "what it is", "pictures", "Earth"), rows)
    return Exit.DONE


def _show(name: str, as_json: bool) -> int:
    from whence.evaluate.benchmarks import benchmark
    from whence.evaluate.benchmarks.scores import SCORES

    found = benchmark(name)
    if as_json:
        write_json(_plain(found))
        return Exit.DONE
    card, how = found.card, found.protocol
    sign = "<" if how.strict else "≤"
    write_facts(
        [
            ("name", found.name),
            ("what it is", card.title),
            ("paper", card.paper),
            ("licence", card.licence),
            ("published at", card.home),
            ("size", card.size),
            ("layout", card.layout),
            ("tested on", f"part {found.part}" + (f", {found.pictures:,} pictures" if found.pictures else "")),
            ("split", how.split),
            ("Earth", how.earth),
            ("crops", ", ".join(how.crops)),
            ("thresholds", ", ".join(f"{sign} {km:g} km" for km in how.thresholds_km)),
            ("no answer", how.missing),
            *(("score", f"{score}: {SCORES[score]}") for score in how.scores),
            *(("known leak", text) for text in found.leaks),
            *(("known flaw", text) for text in card.flaws),
            *(("source", text) for text in found.sources),
            *(("not verified", text) for text in found.not_verified),
        ]
    )
    return Exit.DONE


def _check(name: str, root: Path, against: Path | None, given: dict[str, Any]) -> int:
    from whence.evaluate.benchmarks.folder import check_folder, listed_samples

    samples = listed_samples(name, root, given["part"])
    folder = check_folder(name, root, given["part"], samples)
    leakage = None
    if against is not None:
        from whence.evaluate.leakage import Config, check
        from whence.evaluate.seen import read_seen

        config = Config(place_km=given["place_km"], pictures=given["pictures"])
        leakage = check(samples, read_seen(against, given["against_dataset"]), config)
    if given["as_json"]:
        write_json({"folder": _plain_folder(folder), "leakage": None if leakage is None else _plain_leakage(leakage)})
    else:
        _write_folder(folder)
        if leakage is not None:
            _write_leakage(leakage)
    wrong = folder.missing or not folder.listed or (leakage is not None and leakage.findings)
    return Exit.SOME_FAILED if wrong else Exit.DONE


def _write_folder(found: FolderCheck) -> None:
    expected = f" of {found.expected:,} published" if found.expected else ""
    write_facts(
        [
            ("data set", f"{found.dataset}, part {found.part}"),
            ("listed", f"{found.listed:,} pictures{expected}"),
            ("missing", f"{found.missing:,} pictures" if found.missing else "none"),
            ("groups", f"{found.groups:,}" if found.groups else "none is named"),
        ]
    )
    for path in found.first_missing:
        click.echo(f"missing: {path}")
    if found.missing > len(found.first_missing):
        click.echo(f"… and {found.missing - len(found.first_missing):,} more are missing.")


def _write_leakage(found: Leakage) -> None:
    from whence.evaluate.leakage import GUARDS

    rows = [
        (
            f"same {guard}",
            f"{found.counts[guard]:,}",
            f"{found.counts[guard] / found.tested:.1%}",
            f"not complete: {found.unchecked[guard]}" if guard in found.unchecked else "all looked at",
        )
        for guard in GUARDS
    ]
    write_table(("guard", "test pictures", "share", "looked at"), rows)
    click.echo(f"{len(found.leaking):,} of {found.tested:,} test pictures share something with {found.seen:,} seen.")
    for item in found.findings[:_SHOWN]:
        more = f" and {item.others:,} more" if item.others else ""
        click.echo(f"same {item.guard}: {item.test} – {item.seen}{more} ({item.detail})")
    if len(found.findings) > _SHOWN:
        click.echo(f"… and {len(found.findings) - _SHOWN:,} more findings; --json writes all.")


def _plain(found: Benchmark) -> dict[str, Any]:
    return {**asdict(found), "card": asdict(found.card)}


def _plain_folder(found: FolderCheck) -> dict[str, Any]:
    return {**asdict(found), "first_missing": [str(path) for path in found.first_missing], "whole": found.whole}


def _plain_leakage(found: Leakage) -> dict[str, Any]:
    return {
        "tested": found.tested,
        "seen": found.seen,
        "leaking": len(found.leaking),
        "counts": dict(found.counts),
        "unchecked": dict(found.unchecked),
        "findings": [{**asdict(item), "test": str(item.test)} for item in found.findings],
    }
