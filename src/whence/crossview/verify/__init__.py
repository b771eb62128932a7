"""Verification: whether a registration is true, how sure that is, and which claims it rests on.

`Verifier` weighs a registration by the curves of a `VerifierTable` and by what `MatchPriors` say of the query.
"""

from whence.crossview.verify.edges import EdgeAgreement, edge_agreement
from whence.crossview.verify.outcomes import Outcomes, shipped_outcomes
from whence.crossview.verify.priors import MatchPriors
from whence.crossview.verify.table import VerifierTable, shipped_table
from whence.crossview.verify.verifier import Config, Verifier, unbounded_log_odds

__all__ = [
    "Config",
    "EdgeAgreement",
    "MatchPriors",
    "Outcomes",
    "Verifier",
    "VerifierTable",
    "edge_agreement",
    "shipped_outcomes",
    "shipped_table",
    "unbounded_log_odds",
]
