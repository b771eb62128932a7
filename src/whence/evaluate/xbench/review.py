"""Review by people: a page and a table of the items with their reference explanations, and the way back."""

from __future__ import annotations

import base64
import csv
import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from whence.core.errors import InputError
from whence.evaluate.xbench.files import Benchmark, read_explanations, write_explanations
from whence.evaluate.xbench.types import Item, ReferenceExplanation, Sentence

PAGE, TABLE = "review.html", "review.csv"
COLUMNS = ("item", "difficulty", "match", "teacher", "language", "text", "verdict", "new_text", "reviewer", "note")
"""Of the table; people fill in the last four. ``verdict`` is ``ok``, ``change`` or ``reject``."""

VERDICTS = ("ok", "change", "reject")

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:1rem auto;padding:0 1rem}
article{border-top:1px solid #8888;padding:1rem 0}
.pair{display:flex;gap:1rem;flex-wrap:wrap}
figure{margin:0;flex:1 1 18rem}
img{max-width:100%;height:auto;display:block;border:1px solid #8888}
figcaption,small{opacity:.75}
h2{font-size:1rem;margin:.2rem 0}
"""


def write_review(benchmark: Benchmark, limit: int | None = None) -> tuple[Path, Path]:
    """Write a page that holds its pictures, and a table with a row for every explanation.

    Args:
        benchmark: with or without reference explanations; an item without any has an empty row to fill in.
        limit: the first so many items only.
    """
    items = benchmark.items[:limit]
    told: dict[str, list[ReferenceExplanation]] = {}
    for found in read_explanations(benchmark.folder):
        told.setdefault(found.item, []).append(found)
    page, table = benchmark.folder / PAGE, benchmark.folder / TABLE
    articles = "".join(_article(benchmark.folder, item, told.get(item.name, [])) for item in items)
    title = f"Review of {benchmark.header.name}"
    page.write_text(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\"><meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>"
        f"<p>Fill in the columns verdict ({', '.join(VERDICTS)}), new_text and reviewer of {TABLE}; then run "
        f"<code>whence xbench review DIR {TABLE}</code>.</p>{articles}</body></html>\n",
        encoding="utf-8",
    )
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for item in items:
            right = "match" if item.match else "no match"
            for found in told.get(item.name) or [ReferenceExplanation(item.name, "people", "en", ())]:
                row = (item.name, item.difficulty, right, found.teacher, found.language, text_of(found), "", "", "", "")
                writer.writerow(row)
    return page, table


def read_review(benchmark: Benchmark, path: Path) -> tuple[int, int, int]:
    """Take over what people said; the reference explanations are written anew.

    Explanations that are ``ok`` are marked as accepted, those to ``change`` get the new text, which cites no claims,
    those that were rejected are taken away. Rows without a verdict stay as they are.

    Args:
        benchmark: that was reviewed.
        path: the filled-in table.

    Returns:
        How many were accepted, changed and taken away.

    Raises:
        InputError: a column is missing, a verdict is none of the three, a change has no text, or an explanation is
            none of the benchmark.
    """
    known = {(found.item, found.teacher, found.language): found for found in read_explanations(benchmark.folder)}
    names = {item.name for item in benchmark.items}
    counts = dict.fromkeys(VERDICTS, 0)
    for number, row in enumerate(_rows(path), 2):
        where, verdict = f"{path}, row {number}", row["verdict"].strip().lower()
        if not verdict:
            continue
        if verdict not in VERDICTS:
            raise InputError(f"{where}: the verdict is one of {', '.join(VERDICTS)}, received {verdict!r}.")
        key = (row["item"], row["teacher"], row["language"])
        if row["item"] not in names or (verdict != "change" and key not in known):
            raise InputError(
                f"{where}: there is no explanation of {row['item']!r} by {row['teacher']!r} in this benchmark."
            )
        if verdict == "reject":
            del known[key]
        elif verdict == "ok":
            known[key] = replace(known[key], reviewed="accepted")
        else:
            text = row["new_text"].strip()
            if not text:
                raise InputError(f"{where}: a change needs a text in the column new_text.")
            known[key] = ReferenceExplanation(*key, (Sentence(text),), "changed")
        counts[verdict] += 1
    write_explanations(benchmark.folder, known.values())
    return counts["ok"], counts["change"], counts["reject"]


def text_of(found: ReferenceExplanation) -> str:
    """The sentences of an explanation, one after another."""
    return ("" if found.language == "zh" else " ").join(sentence.text for sentence in found.sentences)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in COLUMNS[:8] if name not in (reader.fieldnames or ())]
            if lacking:
                raise InputError(f"{path}: the review lacks the columns {', '.join(lacking)}.")
            return [{key: value or "" for key, value in row.items() if key} for row in reader]
    except FileNotFoundError:
        raise InputError(f"There is no review {str(path)!r}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: this is no CSV file in UTF-8 ({error}).") from error


def _article(folder: Path, item: Item, told: Sequence[ReferenceExplanation]) -> str:
    figures = "".join(
        f"<figure><img alt='{side}' width='{entry.width_px}' height='{entry.height_px}' "
        f"src='data:image/png;base64,{base64.b64encode((folder / entry.file).read_bytes()).decode()}'>"
        f"<figcaption>{side}: {html.escape(entry.source)} <small>{html.escape(entry.licence)}</small></figcaption>"
        "</figure>"
        for side, entry in (("query", item.query), ("reference", item.reference))
    )
    right = "these match" if item.match else f"these do not match ({item.difficulty})"
    texts = "".join(
        f"<p lang='{html.escape(found.language)}'><small>{html.escape(found.teacher)}, {html.escape(found.language)}"
        f"{', ' + html.escape(found.reviewed) if found.reviewed else ''}</small><br>{html.escape(text_of(found))}</p>"
        for found in told
    )
    return f"<article><h2>{html.escape(item.name)}: {right}</h2><div class='pair'>{figures}</div>{texts}</article>"
