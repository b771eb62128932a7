"""The report on an evaluation: one HTML file that holds everything, opens offline and asks nothing of any network."""

from whence.evaluate.report.board import render_leaderboard, write_leaderboard
from whence.evaluate.report.cases import Album
from whence.evaluate.report.page import Contents, render_report, write_report

__all__ = ["Album", "Contents", "render_leaderboard", "render_report", "write_leaderboard", "write_report"]
