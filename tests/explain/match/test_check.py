import pytest

from whence.crossview.types import MatchClaim
from whence.explain.match.check import (
    NO_CITATION,
    OTHER_NUMBER,
    OTHER_VERDICT,
    UNKNOWN_CLAIM,
    check_sentences,
    split_sentences,
)

CLAIMS = (
    MatchClaim("point matches", "agrees", {"inliers": 1240, "pairs": 2000, "chance": 3.24}),
    MatchClaim("edges", "contradicts", {"correlation": -0.12, "chance": 0.01, "significance": 0.4}),
    MatchClaim("overlap", "unclear", {"share": 0.876}),
)


@pytest.mark.parametrize(
    "text",
    [
        "1,240 of 2,000 pairs agree [c1].",
        "1240 pairs fit, where chance gives 3.2. [c1]",
        "Chance gives about 3 [c1].",
        "The edges contradict the match [c2].",
        "Edges do not run alike: −0.12 [C2].",
        "About 88 % overlaps [c3].",
        "0.876 of it overlaps [c3].",
        "The points agree but the edges differ [c1, c2].",
        "1,240 对点一致 [c1]。",
        "边缘并不一致［c2］。",
        "- 88% overlap [c3]",
        "2. Pairs fit [c1].",
    ],
)
def test_what_the_claims_carry_is_supported(text):
    (sentence,) = check_sentences(text, CLAIMS)
    assert sentence.problems == ()
    assert sentence.claims


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("The roofs are red.", NO_CITATION),
        ("Pairs fit [c9].", UNKNOWN_CLAIM),
        ("Pairs fit [c0].", UNKNOWN_CLAIM),
        ("1,250 pairs fit [c1].", OTHER_NUMBER),
        ("3.3 by chance [c1].", OTHER_NUMBER),
        ("89 % overlaps [c3].", OTHER_NUMBER),
        ("The edges agree [c2].", OTHER_VERDICT),
        ("The points contradict the match [c1].", OTHER_VERDICT),
        ("边缘一致 [c2]。", OTHER_VERDICT),
        ("点对不符 [c1]。", OTHER_VERDICT),
        ("The overlap agrees [c3].", OTHER_VERDICT),
    ],
)
def test_what_they_do_not_carry_is_marked(text, problem):
    (sentence,) = check_sentences(text, CLAIMS)
    assert problem in sentence.problems
    assert not sentence.supported


def test_citations_stay_with_the_sentence_before_them():
    text = "Pairs fit. [c1] Edges differ [c2]. 重叠。[c3]\n\nNo more."
    assert split_sentences(text) == ["Pairs fit. [c1]", "Edges differ [c2].", "重叠。 [c3]", "No more."]
    assert split_sentences("  \n ") == []
