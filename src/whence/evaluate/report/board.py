"""The leaderboard as a page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from whence.estimate import wording
from whence.evaluate.leaderboard import RANKED_BY, Entry, Leaderboard, ranked, remarks, table_of
from whence.evaluate.report.assets import asset, scripts, styles
from whence.explain.report.page import policy, template, unbroken


def render_leaderboard(board: Leaderboard, by: str = RANKED_BY) -> str:
    """Return a leaderboard as HTML.

    Args:
        board: the runs.
        by: the figure that ranks (`whence.evaluate.leaderboard.ranked`).

    Raises:
        OptionError: no run has such a figure.
    """
    heads, rows = table_of(board, by)
    style, script = styles(), scripts()
    listed = "".join(
        "<tr>" + "".join(_cell(i, wording.one_line(cell, 120)) for i, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return template(asset("leaderboard.html")).substitute(
        policy=escape(policy(style, script), quote=True),
        styles=style,
        script=script,
        title=escape(wording.one_line(board.terms.dataset, 120)),
        summary=f"{board.terms.pictures:,} pictures, {len(rows):,} run{'s' if len(rows) != 1 else ''}",
        heads="".join(f'<th scope="col"{_number(i)}>{escape(name or "rank")}</th>' for i, name in enumerate(heads)),
        rows=listed,
        notes="".join(f"<li>{escape(text)}</li>" for text in remarks(board, by)),
        runs=unbroken("".join(_run(i, item) for i, item in enumerate(ranked(board, by), 1))),
    )


def write_leaderboard(path: Path | str, board: Leaderboard, by: str = RANKED_BY) -> None:
    """Write a leaderboard as a self-contained HTML file.

    Args:
        path: file to write.
        board: the runs.
        by: the figure that ranks.

    Raises:
        OptionError: no run has such a figure.
    """
    Path(path).write_text(render_leaderboard(board, by), encoding="utf-8", errors="replace")


def _cell(column: int, text: str) -> str:
    if column == 1:
        return f'<th scope="row">{escape(text)}</th>'
    if column == 2:
        return f"<td>{escape(text)}</td>"
    value, _, interval = text.partition(" (")
    number = value.replace(",", "").replace("−", "-").replace("∞", "Infinity")
    key = f' data-value="{escape(number, quote=True)}"' if _is_number(number) else ' data-value=""'
    small = f"<small>{escape(interval.removesuffix(')'))}</small>" if interval else ""
    return f'<td class="num"{key}>{escape(value)}{small}</td>'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(column: int) -> str:
    return "" if column in (1, 2) else ' class="num"'


def _run(rank: int, item: Entry) -> str:
    rows = [
        ("Predictions", item.file),
        ("SHA-256", item.sha256),
        ("Predicted", item.created),
        ("On", item.machine),
        ("Abstained", f"{item.abstained:,}"),
        *((f"Version of {name}", value) for name, value in item.versions.items()),
    ]
    body = "".join(
        f"<div><dt>{escape(wording.one_line(k, 80))}</dt><dd>{escape(wording.one_line(v, 400))}</dd></div>"
        for k, v in rows
        if v
    )
    return f'<h3>{rank}. {escape(wording.one_line(item.system, 120))}</h3><dl class="made">{body}</dl>'
