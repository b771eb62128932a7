"""`explain_match`: a match with everything that can be said of it, each statement checked."""

from __future__ import annotations

from collections.abc import Sequence

from whence.crossview.types import Match, MatchClaim
from whence.explain.match.appearance import appearance
from whence.explain.match.concepts import ConceptReadings, concept_claims
from whence.explain.match.layout import layout
from whence.explain.match.types import MatchExplanation, MatchFaithfulness
from whence.explain.match.words import Catalogue, sentences

LANGUAGES = ("en", "zh")
"""Languages that an explanation is written in where none are asked for."""


def explain_match(
    match: Match,
    *,
    concepts: ConceptReadings | None = None,
    faithfulness: MatchFaithfulness | None = None,
    languages: Sequence[str | Catalogue] = LANGUAGES,
) -> MatchExplanation:
    """Explain why a match was accepted or rejected.

    Claims of geometry are those of the match itself. Claims of appearance (land cover, lines, nothing in place), of
    layout and of concepts are made here. They are remarks, with log-odds of 0: the probability does not rest on them.

    Args:
        match: accepted or rejected, with a transform or without.
        concepts: scores of both pictures, if a concept model reads both kinds.
        faithfulness: from `measure_faithfulness`, if the masking test was made.
        languages: codes of catalogues of the package, or catalogues.

    Raises:
        OptionError: a language without a catalogue.
    """
    seen = appearance(match)
    claims = (*match.claims, *_pose(match), *seen.claims, *layout(match), *concept_claims(concepts))
    words = {(using if isinstance(using, str) else using.code): sentences(match, claims, using) for using in languages}
    return MatchExplanation(match, claims, words, seen.tests, concepts is not None, faithfulness)


def _pose(match: Match) -> tuple[MatchClaim, ...]:
    """Heading and scale, where the match's own claims do not give them."""
    told = {claim.kind for claim in match.claims}
    if match.pose is None:
        return ()
    found = (
        MatchClaim(
            "heading",
            "unclear",
            {"heading_deg": match.pose.heading_deg},
            check="Bearing of the query's upward direction by the transform.",
        ),
        MatchClaim(
            "scale",
            "unclear",
            {"gsd_m_per_px": match.pose.gsd_m_per_px},
            check="Ground size of a query pixel by the transform.",
        ),
    )
    return tuple(claim for claim in found if claim.kind not in told)
