"""Why a match is one: claims with pixels in both pictures, words in several languages, a report and a picture.

`explain_match` makes the claims and the words; nothing here sends anything anywhere unless an endpoint is configured.
"""

from whence.explain.match.concepts import ConceptReadings
from whence.explain.match.explain import explain_match
from whence.explain.match.types import MatchExplanation, MatchFaithfulness, Sentence

__all__ = [
    "ConceptReadings",
    "MatchExplanation",
    "MatchFaithfulness",
    "Sentence",
    "explain_match",
]
