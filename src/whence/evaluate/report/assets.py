"""The files of this package: templates, style and script."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from whence.earth.drawing import MAP_CSS
from whence.explain.report.page import asset as report_asset


@lru_cache(maxsize=8)
def asset(name: str) -> str:
    """Content of a file of this package."""
    return (files("whence.evaluate.report") / name).read_text(encoding="utf-8")


def styles() -> str:
    """The style of a page: that of the reports on answers, that of maps, and what evaluations add."""
    return report_asset("report.css") + MAP_CSS + asset("evaluation.css")


def scripts() -> str:
    """The script of a page: what all reports have in common, and what evaluations add."""
    return report_asset("common.js") + asset("evaluation.js")
