from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_crossview_registrations import WHERE, ground, patch_of, registered, seen, turned, view_of
from whence.core.errors import ArtifactError, OptionError
from whence.crossview.types import Correspondences, Registration
from whence.crossview.verify import (
    Config,
    MatchPriors,
    Verifier,
    VerifierTable,
    shipped_outcomes,
    shipped_table,
    unbounded_log_odds,
)
from whence.crossview.verify.measures import chance_inliers, visible_part
from whence.crossview.verify.table import Curve
from whence.crossview.verify.verifier import LOST

REFERENCE = ground()
RIGHT = turned()


def log_odds(probability):
    return math.log(probability / (1.0 - probability))


def verified(registration, query=None, config=None, **priors):
    pixels = seen(REFERENCE, RIGHT) if query is None else query
    known = MatchPriors(**priors) if priors else None
    return Verifier(config).verify(view_of(pixels), patch_of(REFERENCE), registration, priors=known)


def test_a_true_match_is_accepted_with_reasons():
    match = verified(registered(RIGHT))
    assert match.accepted
    assert match.probability > match.threshold >= 0.9
    assert match.reasons[0].startswith("Match: its probability is")
    assert any("pairs fit one transform" in reason for reason in match.reasons)
    assert match.pose.heading_deg == pytest.approx(30.0 + WHERE.up_bearing_deg, abs=0.3)
    claims = {claim.kind: claim for claim in match.claims}
    assert claims["edges"].verdict == "agrees"
    assert {region.side for region in claims["point matches"].regions} == {"query", "reference"}
    assert all(claim.check for claim in match.claims)


def test_a_false_match_is_not():
    match = verified(registered(turned(turn_deg=200.0, at=(120.0, 150.0)), inliers=7, outliers=160, noise=2.0))
    assert not match.accepted
    assert match.probability < 0.3
    assert match.reasons[0].startswith("No match: its probability is")
    assert any("Edges agree no better than chance" in reason for reason in match.reasons)


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 80),
    st.integers(0, 80),
    st.floats(0.1, 4.0),
    st.floats(-180, 180),
    st.floats(0.05, 0.95),
    st.booleans(),
)
def test_claims_add_up_to_the_probability(inliers, outliers, noise, turn, prior, known):
    registration = registered(turned(turn_deg=turn), inliers=inliers, outliers=outliers, noise=noise)
    priors = {"heading_deg": 12.0, "gsd_m_per_px": 0.4, "lat_deg": 32.0, "lon_deg": 35.1} if known else {}
    match = verified(registration, config=Config(prior=prior), **priors)
    total = math.fsum([match.prior_log_odds, *(claim.log_odds for claim in match.claims)])
    assert match.probability == (1 / (1 + math.exp(-total)) if total >= 0 else math.exp(total) / (1 + math.exp(total)))
    assert match.prior_log_odds == pytest.approx(log_odds(prior))


def test_without_a_transform():
    pairs = Correspondences(np.zeros((5, 2)), np.zeros((5, 2)), np.zeros(5), np.zeros(5, bool))
    match = verified(Registration(None, "similarity", pairs, "sift"))
    nothing = shipped_outcomes().of("sift").nothing
    assert match.probability == pytest.approx(1.0 / (1.0 + math.exp(-nothing)), abs=1e-12)
    assert 0.1 < match.probability < 0.5
    assert match.same_place == match.probability
    assert match.pose is None
    assert not match.accepted
    assert [(claim.kind, claim.verdict, claim.log_odds) for claim in match.claims] == [
        ("transform", "contradicts", nothing)
    ]
    assert match.reasons[1] == "No transform explains the 5 pairs of points."
    assert unbounded_log_odds(match) == LOST


@pytest.mark.parametrize("prior", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("matcher", ["sift", "sift+dense", "correlation"])
def test_nothing_found_is_no_match_at_any_prior(prior, matcher):
    empty = Correspondences(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool))
    match = verified(Registration(None, "similarity", empty, matcher), config=Config(prior=prior))
    assert not match.accepted
    assert match.probability < prior
    told = math.fsum([match.prior_log_odds, *(claim.log_odds for claim in match.claims)])
    assert log_odds(match.probability) == pytest.approx(told)
    assert match.reasons[0].startswith("No match:")
    assert ("below the threshold" in match.reasons[0]) == (match.probability < match.threshold)


def test_a_wrong_transform_does_not_rule_the_place_out():
    wrong = verified(registered(turned(turn_deg=200.0, at=(120.0, 150.0)), inliers=7, outliers=160, noise=2.0))
    share = wrong.laid_wrong
    assert share == pytest.approx(1.0 / (1.0 + math.exp(-shipped_outcomes().of("sift").wrong)))
    assert wrong.same_place == pytest.approx(wrong.probability + (1.0 - wrong.probability) * share)
    right = verified(registered(RIGHT))
    assert right.probability <= right.same_place <= 1.0
    empty = Correspondences(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool))
    nothing = verified(Registration(None, "similarity", empty, "sift"))
    # What was laid comes first: it has a pose, be it ever so doubtful.
    assert sorted([nothing, wrong, right], key=lambda item: item.standing) == [nothing, wrong, right]


def test_mirrored_ground_is_refused():
    mirror = np.array([[-1.0, 0, 240.0], [0, 1.0, 60.0], [0, 0, 1]])
    match = verified(registered(mirror, inliers=90, noise=0.3), query=seen(REFERENCE, mirror))
    assert not match.accepted
    assert any(claim.kind == "mirror" for claim in match.claims)


@pytest.mark.parametrize("scale", [0.02, 60.0])
def test_absurd_scale_is_refused(scale):
    transform = turned(scale=scale)
    match = verified(registered(transform, inliers=90, noise=0.1))
    assert not match.accepted
    assert next(claim for claim in match.claims if claim.kind == "scale").verdict == "contradicts"


def test_crushed_ground_is_refused():
    crushed = np.array([[1.0, 0, 60], [0, 0.2, 60], [0, 0, 1]])
    match = verified(registered(crushed, inliers=90, noise=0.1), query=seen(REFERENCE, crushed))
    assert not match.accepted
    assert next(claim for claim in match.claims if claim.kind == "shape").verdict == "contradicts"


def test_a_horizon_in_the_query_is_refused():
    tilted = np.array([[1.0, 0, 100], [0, 1, 60], [-0.02, 0.0, 1]])
    match = verified(registered(tilted, inliers=90, noise=0.1))
    assert not match.accepted


def test_priors_move_the_probability_and_searched_ones_do_not():
    registration = registered(RIGHT, inliers=10, outliers=60, noise=1.5)
    plain = verified(registration)
    heading = plain.pose.heading_deg
    helped = verified(registration, heading_deg=heading)
    flipped = verified(registration, heading_deg=(heading + 180.0) % 360.0)
    across = verified(registration, heading_deg=(heading + 90.0) % 360.0)
    assert helped.probability > flipped.probability >= plain.probability > across.probability
    searched = verified(registration, heading_deg=heading, searched="heading")
    assert searched.probability == plain.probability


def test_threshold_and_prior_are_settings():
    registration = registered(RIGHT)
    strict = verified(registration, config=Config(threshold=1.0))
    assert not strict.accepted
    rare = verified(registration, config=Config(prior=0.001))
    assert log_odds(rare.probability) < log_odds(verified(registration).probability)
    for wrong in (
        {"prior": 0.0},
        {"threshold": 2.0},
        {"wrong_share": 0.0},
        {"flipped_share": 0.97},
        {"lookalike_share": 0.0},
    ):
        with pytest.raises(OptionError):
            Verifier(Config(**wrong))


def test_the_first_search_speaks_where_the_matcher_states_it():
    plain = verified(registered(RIGHT, inliers=12, noise=2.0))
    said = {"first search", "next best place"}
    assert not said & {claim.kind for claim in plain.claims}
    before = 0.0
    for screening, lead in ((0.0, -0.5), (4.0, 0.5), (20.0, 12.0)):
        found = {"screening": screening, "lead": lead, "first_inliers": 30.0}
        match = verified(replace(registered(RIGHT, inliers=12, noise=2.0), statistics=found))
        claims = {claim.kind: claim for claim in match.claims}
        assert claims["first search"].values == {"screening": screening}
        assert claims["next best place"].values == {"first_inliers": 30.0, "lead": lead}
        assert match.probability > before
        before = match.probability
    assert claims["first search"].verdict == claims["next best place"].verdict == "agrees"


def test_look_alikes_limit_what_likeness_says():
    from whence.crossview.verify.claims import taken_by_look_alikes

    match = verified(registered(RIGHT, inliers=90, noise=0.3), config=Config(lookalike_share=1e-3))
    claims = {claim.kind: claim for claim in match.claims}
    assert claims["look-alikes"].verdict == "unclear"
    assert claims["look-alikes"].values == {"one_in": 1000.0}
    gained = math.fsum(claims[kind].log_odds for kind in ("point matches", "spread of matches", "residual", "edges"))
    assert gained > math.log(1e3)
    assert gained + claims["look-alikes"].log_odds == pytest.approx(math.log(1e3), abs=0.5)
    assert any("one in 1,000 other places" in reason for reason in match.reasons)
    for share, likely in ((1e-6, 40.0), (1e-2, 3.0), (1e-2, -8.0)):
        ratio = math.exp(likely)
        exact = math.log(ratio / (1.0 - share + share * ratio))
        assert likely + taken_by_look_alikes(likely, share) == pytest.approx(exact, abs=1e-9)


def test_weak_matches_hear_nothing_of_look_alikes():
    match = verified(registered(RIGHT, inliers=10, outliers=60, noise=1.5))
    assert all(claim.kind != "look-alikes" for claim in match.claims if match.probability < 0.9)


def test_points_alone_do_not_outweigh_edges_that_disagree():
    elsewhere = turned(turn_deg=200.0, at=(120.0, 150.0))
    match = verified(registered(elsewhere, inliers=90, outliers=4, noise=0.3))
    assert {claim.kind: claim for claim in match.claims}["edges"].verdict == "contradicts"
    assert not match.accepted


def test_shipped_table():
    table = shipped_table()
    assert "points" in table.curves
    assert "public domain" in str(table.card)
    assert VerifierTable.from_json(table.to_json()) == table
    for curves in table.curves.values():
        for curve in curves:
            steps = np.diff(curve.log_odds)
            assert (steps >= 0).all() or (steps <= 0).all()
            assert curve(-1e9) == curve.log_odds[0]
            assert curve(1e9) == curve.log_odds[-1]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"schema": 9}', '{"schema": 1, "name": "x", "threshold": 1, "card": {}, "curves": 3}']
)
def test_damaged_tables(text):
    with pytest.raises(ArtifactError, match="fit it again"):
        VerifierTable.from_json(text)
    with pytest.raises(ArtifactError, match="rising"):
        Curve("points", (1.0, 1.0), (0.0, 0.0))


def test_chance_counts_like_random_pairs():
    """Of random pairs the best transform explains about as many as is said."""
    draw = np.random.default_rng(3)
    most = []
    for _ in range(20):
        query, there = draw.uniform(0, 300, (80, 2)), draw.uniform(0, 300, (80, 2))
        z, w = query @ [1, 1j], there @ [1, 1j]
        i, j = draw.integers(0, 80, (2, 3000))
        apart = np.abs(w[i] - w[j]) > 30
        factor = (w[i] - w[j])[apart] / np.where(i == j, 1, z[i] - z[j])[apart]
        off = np.abs(factor[:, None] * (z - z[i[apart], None]) + w[i[apart], None] - w)
        most.append(int((off < 4.0).sum(axis=1).max()))
    assert abs(chance_inliers(80, "similarity", 4.0, (300, 300)) - np.mean(most)) <= 2.0
    assert chance_inliers(3, "homography", 4.0, (300, 300)) == 3.0
    assert chance_inliers(50, "similarity", 400.0, (300, 300)) == 50.0


def test_visible_part():
    corners = visible_part(np.array([[1.0, 0, 250], [0, 1, 0], [0, 0, 1]]), (100, 80), (300, 260))
    assert sorted(map(tuple, np.round(corners, 3))) == [(0.0, 0.0), (0.0, 80.0), (50.0, 0.0), (50.0, 80.0)]
    assert len(visible_part(np.array([[1.0, 0, 950], [0, 1, 0], [0, 0, 1]]), (100, 80), (300, 260))) == 0
