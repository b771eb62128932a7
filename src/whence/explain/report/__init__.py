"""The report: one HTML file that holds everything, opens offline and asks nothing of any network."""

from whence.explain.report.index import IndexRow, index_row, write_index
from whence.explain.report.page import render_report, write_report

__all__ = ["IndexRow", "index_row", "render_report", "write_index", "write_report"]
