from dataclasses import replace

import numpy as np
import pytest

from made_matches import made_match
from whence.explain.match.appearance import COVER, LINES, NOWHERE, appearance
from whence.explain.match.frame import project


def by_verdict(match, verdict):
    return [claim for claim in appearance(match).claims if claim.verdict == verdict]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_ground_in_place_agrees(seed):
    found = by_verdict(made_match(seed), "agrees")
    assert {"green ground", "bare or dry ground"} & {claim.values.get("cover") for claim in found}
    assert any(claim.kind == LINES for claim in found)
    assert not by_verdict(made_match(seed), "contradicts")
    for claim in found:
        assert claim.values["overlap_share"] > claim.values["chance_share"]
        assert claim.check
        assert claim.log_odds == 0.0


def test_regions_of_both_sides_are_the_same_ground():
    match = made_match()
    for claim in by_verdict(match, "agrees"):
        if claim.kind != COVER:
            continue
        sides = [[np.array(r.polygon_px) for r in claim.regions if r.side == side] for side in ("query", "reference")]
        assert len(sides[0]) == len(sides[1]) > 0
        for query, reference in zip(*sides, strict=True):
            assert project(match.registration.transform, query) == pytest.approx(reference, abs=0.3)


@pytest.mark.parametrize(("seed", "other"), [(3, 11), (4, 12), (5, 13), (6, 14)])
def test_other_ground_does_not_agree(seed, other):
    assert not by_verdict(made_match(seed, other=other), "agrees")


def test_other_ground_is_told_as_such():
    told = [by_verdict(made_match(seed, other=seed + 8), "contradicts") for seed in range(3, 9)]
    assert sum(bool(claims) for claims in told) >= 3
    for claims in filter(None, told):
        assert [claim.kind for claim in claims] == [NOWHERE]
        assert {region.side for region in claims[0].regions} == {"query", "reference"}


def test_grey_pictures_have_no_classes_of_colour():
    match = made_match()
    grey = np.repeat(match.query.pixels.mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    found = appearance(replace(match, query=replace(match.query, pixels=grey)))
    covers = {claim.values["cover"] for claim in found.claims if claim.kind == COVER}
    assert covers
    assert not covers & {"green ground", "bare or dry ground", "blue ground or water"}


def test_without_a_transform_nothing_is_compared():
    found = appearance(made_match(found=False))
    assert (found.claims, found.tests) == ((), 0)


def test_the_same_match_gives_the_same_claims():
    assert appearance(made_match()) == appearance(made_match())
