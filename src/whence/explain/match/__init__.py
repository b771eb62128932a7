"""Why a match is one: claims with pixels in both pictures, words in several languages, a report and a picture.

`explain_match` makes the claims and the words; nothing here sends anything anywhere unless an endpoint is configured.
"""

from whence.explain.match.concepts import ConceptReadings
from whence.explain.match.explain import explain_match
from whence.explain.match.faithfulness import measure_faithfulness
from whence.explain.match.page import render_match_report, write_match_report, write_match_reports
from whence.explain.match.picture import side_by_side
from whence.explain.match.types import MatchExplanation, MatchFaithfulness, Sentence

__all__ = [
    "ConceptReadings",
    "MatchExplanation",
    "MatchFaithfulness",
    "Sentence",
    "explain_match",
    "measure_faithfulness",
    "render_match_report",
    "side_by_side",
    "write_match_report",
    "write_match_reports",
]
