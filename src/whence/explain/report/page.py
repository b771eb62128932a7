"""The page put together: template, style, script, sections, and the policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from whence.earth.drawing import MAP_CSS
from whence.estimate import wording
from whence.estimate.render import to_dict
from whence.estimate.types import Estimate
from whence.explain.rationale import rationale
from whence.explain.report.ledger import ledger_section
from whence.explain.report.maps import is_close, map_section
from whence.explain.report.picture import picture_section
from whence.explain.report.sections import (
    contrast_section,
    notices,
    provenance_section,
    regions_section,
)
from whence.samples.view import Query, View

_NUMBER_AND_UNIT = re.compile(r"(\d|million) (?=(?:%|m\b|km\b|m²|km²|million\b|bits\b|times\b))")
_UNDER = re.compile(r"(&[lg]t;) (?=\d)")
BESIDE = "beside"
"""Layout with the picture to the left of a map that is as tall as it is wide, rather than above a wide one."""


@lru_cache(maxsize=8)
def asset(name: str) -> str:
    """Content of a file of this package."""
    return (files("whence.explain.report") / name).read_text(encoding="utf-8")


def template(text: str) -> Template:
    """A page as a template, with the head that all pages share in its place."""
    return Template(text.replace("<!-- head -->\n", asset("head.html"), 1))


def source_hash(text: str) -> str:
    """Hash of an inline style or script as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy(styles: str, script: str) -> str:
    """Content security policy of a page: its own style and script, pictures inside it, and nothing else."""
    allowed = f"script-src '{source_hash(script)}'; " if script else ""
    style = f"style-src '{source_hash(styles)}'; "
    return f"default-src 'none'; img-src data:; {style}{allowed}base-uri 'none'; form-action 'none'"


def embedded_json(value: object) -> str:
    """JSON that can stand inside a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for char, code in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(char, code)
    return text


def unbroken(html: str) -> str:
    """The same with numbers and their units kept on one line."""
    return _UNDER.sub("\\1&nbsp;", _NUMBER_AND_UNIT.sub("\\1&nbsp;", html))


def render_report(estimate: Estimate, picture: Query | View | None = None) -> str:
    """Return the report on one answer as HTML.

    Args:
        estimate: the answer.
        picture: the query or view it was found for; without it, and under a resolution floor, the report
            holds no picture.
    """
    styles = asset("report.css") + MAP_CSS
    script = asset("common.js") + asset("projection.js") + asset("report.js")
    views = _views(estimate, picture)
    said = rationale(estimate)
    layout = BESIDE if views and is_close(estimate) else "below"
    at = wording.coordinates(estimate.point.lat_deg, estimate.point.lon_deg, estimate.error_km["p50"])
    return template(asset("report.html")).substitute(
        policy=escape(policy(styles, script), quote=True),
        styles=styles,
        script=script,
        title=escape(f"{_short_name(estimate)}: {wording.where(estimate)}"),
        file=escape(_short_name(estimate)),
        kicker="Best guess, not an answer" if estimate.abstained else "Where it was taken",
        where=escape(wording.where(estimate)),
        coordinates=escape(at),
        notices=notices(estimate),
        how_sure=unbroken(escape(said.how_sure)),
        facts=_facts(estimate),
        picture=picture_section(estimate, views, withheld=estimate.coarsest is not None),
        layout=layout,
        map=map_section(estimate, beside=layout == BESIDE),
        ledger=unbroken(ledger_section(estimate, said)),
        contrast=unbroken(contrast_section(estimate)),
        regions=unbroken(regions_section(estimate)),
        provenance=provenance_section(estimate),
        data=embedded_json(to_dict(estimate)),
    )


def write_report(estimate: Estimate, picture: Query | View | None, path: Path | str) -> None:
    """Write the report on one answer as a self-contained HTML file.

    Args:
        estimate: the answer.
        picture: the query or view it was found for (`render_report`).
        path: file to write.
    """
    Path(path).write_text(render_report(estimate, picture), encoding="utf-8", errors="replace")


def _views(estimate: Estimate, picture: Query | View | None) -> tuple[View, ...]:
    if picture is None or estimate.coarsest is not None:
        return ()
    return (picture,) if isinstance(picture, View) else picture.views


def _short_name(estimate: Estimate) -> str:
    name = wording.one_line(estimate.query.name, 400)
    short = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return wording.one_line(short or name or "query", 90)


def _facts(estimate: Estimate) -> str:
    """The figures that a reader looks for first."""
    countries = wording.top_of(estimate, "country")
    rows = [
        ("50 % within", wording.distance(estimate.error_km["p50"]), "of the answer"),
        ("90 % within", wording.distance(estimate.error_km["p90"]), "of the answer"),
    ]
    if countries:
        rows.append(("Country", countries[0].name, wording.percent(countries[0].probability)))
    wide = max(estimate.credible, key=lambda item: item.level, default=None)
    if wide is not None:
        rows.append((f"{wide.level:.0%} region".replace("%", " %"), wording.area(wide.area_km2), "in all"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(note)}</small></dd></div>"
        for name, value, note in rows
    )
