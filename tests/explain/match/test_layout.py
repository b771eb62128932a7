from dataclasses import replace

import numpy as np
import pytest

from made_matches import made_match, made_pairs, made_transform
from whence.explain.match.layout import UNMATCHED, _at_most, layout


def with_pairs(pairs):
    match = made_match()
    return replace(match, registration=replace(match.registration, correspondences=pairs))


def test_pairs_that_fit_evenly_are_not_worth_a_claim():
    assert layout(made_match()) == ()


def test_a_part_without_fitting_pairs_is_told():
    pairs = made_pairs(made_transform(), count=200, wrong=0, seed=5)
    changed = (pairs.query_px[:, 0] < 40) & (pairs.query_px[:, 1] < 35)
    generator = np.random.default_rng(0)
    extra = generator.uniform((0, 0), (40, 35), (30, 2))
    pairs = replace(
        pairs,
        query_px=np.concatenate([pairs.query_px, extra]),
        reference_px=np.concatenate([pairs.reference_px, generator.uniform(0, 300, (30, 2))]),
        score=np.ones(230),
        inlier=np.concatenate([~changed, np.zeros(30, bool)]),
    )
    (claim,) = [claim for claim in layout(with_pairs(pairs)) if claim.kind == UNMATCHED]
    assert claim.verdict == "unclear"
    assert claim.values["fitting"] == 0
    assert claim.regions[0].polygon_px == ((0.0, 0.0), (40.0, 0.0), (40.0, 35.0), (0.0, 35.0))


def test_a_binomial_tail():
    assert _at_most(1, 3, 0.5) == pytest.approx(0.5)
    assert _at_most(0, 4, 0.9) == pytest.approx(1e-4)
    assert _at_most(0, 4, 1.0) == 1.0
