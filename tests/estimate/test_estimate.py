"""Fusing, peaks, the ledger's exactness, abstention and the resolution floor."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whence.core.errors import ConstraintError, OptionError
from whence.earth import grid
from whence.earth.coordinates import Point, distance_km
from whence.earth.field import LN2, Field
from whence.earth.partition import Partition
from whence.estimate.coarsen import coarsen
from whence.estimate.estimate import Config, estimate
from whence.estimate.fuse import fuse
from whence.estimate.peaks import Disc, error_quantiles_km, peaks
from whence.estimate.types import QueryInfo
from whence.evidence.prior import prior_field
from whence.evidence.types import Claim, Evidence

INFO = QueryInfo("test.jpg")
PARIS, BERLIN, LYON = (48.8566, 2.3522), (52.52, 13.405), (45.764, 4.8357)


def points(*where, sigma_km=20.0, floor=0.02, weights=None) -> Field:
    lat, lon = zip(*where, strict=True)
    return Field.from_points(lat, lon, weights, sigma_km=sigma_km, floor=floor)


def claim(field: Field | None, kind: str = "test") -> Claim:
    return Claim(kind, "read", "implies", likelihood=field)


def test_fusing_is_bayes_by_hand():
    """Prior 1/2, 1/4, rest; likelihood 1, 3 there and 1 elsewhere: posterior 1/2 : 3/4 : 1/4."""
    base = Partition.uniform(0)
    prior = Field(base, np.log(np.array([0.5, 0.25] + [0.025] * 10) * 12))
    likelihood = Field(base, np.log(np.array([1.0, 3.0] + [1.0] * 10)))
    posterior = fuse(prior, [Evidence("a", (claim(likelihood),)), Evidence("b", failure="asleep")])
    assert posterior.mass == pytest.approx(np.array([0.5, 0.75] + [0.025] * 10) / 1.5)
    half = fuse(prior, [Evidence("a", (claim(likelihood),), temperature=2.0)])
    assert half.mass[1] / half.mass[0] == pytest.approx(0.5 * np.sqrt(3))


def test_peaks_are_found_apart_and_in_order():
    belief = points(PARIS, BERLIN, (-33.9, 151.2), weights=[2, 5, 3], floor=0.001).normalise()
    found = peaks(belief, 5)
    assert [round(p.probability, 2) for p in found[:3]] == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    for peak, truth in zip(found, (BERLIN, (-33.9, 151.2), PARIS), strict=False):
        assert distance_km(peak.point.lat_deg, peak.point.lon_deg, *truth) < 5
    assert sum(p.probability for p in found) <= 1.0 + 1e-9


def test_a_sharp_belief_gives_a_sharp_answer():
    belief = prior_field().add(points((36.124256, -115.169868), sigma_km=0.02)).normalise()
    peak = peaks(belief, 1)[0]
    assert distance_km(peak.point.lat_deg, peak.point.lon_deg, 36.124256, -115.169868) < 0.01
    p50, p90 = error_quantiles_km(belief, peak.point, (0.5, 0.9))
    # a plane Gaussian holds 50 % within 1.177 σ and 90 % within 2.146 σ
    assert p50 == pytest.approx(1.177 * 0.02, rel=0.25)
    assert p90 == pytest.approx(2.146 * 0.02, rel=0.25)
    assert Disc.around(belief.partition, peak.point, p50).mass(belief) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("radius_km", [0.5, 40.0, 900.0, 6000.0])
def test_a_disc_holds_what_lies_within_it(radius_km):
    """Found by neighbours, against the distances of all cells; with the disc's share of the point's own cell."""
    belief = points(PARIS, BERLIN, sigma_km=30.0, floor=0.3).normalise()
    partition, at = belief.partition, Point(*PARIS)
    own = int(partition.index_at(*PARIS))
    far = grid.chord_km(partition.vectors, grid.unit_vectors(*PARIS))
    inside = (far <= radius_km) & (np.arange(len(partition)) != own)
    share = min(1.0, np.pi * radius_km**2 / partition.areas_km2[own])
    expected = belief.mass[inside].sum() + share * belief.mass[own]
    assert Disc.around(partition, at, radius_km).mass(belief) == pytest.approx(expected, rel=1e-9)


def test_peaks_do_not_hang_on_what_was_asked_before():
    flat = points(PARIS, BERLIN, floor=0.9).normalise()
    again = Field(Partition.from_orders(flat.partition.orders), flat.values)
    before = [peaks(flat, 2, order) for order in (6, 7, 6)]
    assert before[0] == before[2] == peaks(again, 2, 6)
    assert before[1] == peaks(again, 2, 7)


def estimate_of(*evidence: Evidence, prior: Field | None = None, **config):
    return estimate(INFO, prior or prior_field(), evidence, config=Config(**config))


def two_sources():
    return (
        Evidence("gps", (claim(points(PARIS, LYON, sigma_km=0.05, weights=[4, 1])),)),
        Evidence(
            "text", (claim(points(PARIS, LYON, sigma_km=30.0), "a"), claim(points(BERLIN, floor=0.5), "b"), claim(None))
        ),
    )


def test_the_ledger_adds_up_exactly():
    found = estimate_of(*two_sources())
    ledger = found.ledger
    total = ledger.prior_bits + sum(e.bits for e in ledger.entries) + ledger.agreement_bits
    assert total == pytest.approx(ledger.total_bits, abs=1e-9)
    at_answer = float(found.belief.at(found.point.lat_deg, found.point.lon_deg)) / LN2
    assert ledger.total_bits == pytest.approx(at_answer, abs=1e-9)
    second = ledger.runner_up
    assert second is not None
    rest = float(found.prior.at(second.lat_deg, second.lon_deg)) / LN2
    rest += sum(e.bits_runner_up for e in ledger.entries) + ledger.agreement_bits
    assert rest == pytest.approx(float(found.belief.at(second.lat_deg, second.lon_deg)) / LN2, abs=1e-9)
    assert [e.source for e in ledger.entries] == ["gps", "text"]


def test_without_is_the_answer_computed_anew():
    gps, text = two_sources()
    found = estimate_of(gps, text)
    alone = fuse(found.prior, [text])
    entry = next(e for e in found.ledger.entries if e.source == "gps")
    finely = Disc.around(found.belief.partition, found.point, found.error_km["p50"]).mass(
        alone.on(found.belief.partition)
    )
    assert entry.without.probability == pytest.approx(finely, rel=0.1)  # a disc's share of a cell, or its cells
    assert entry.without.probability < 0.01
    text_entry = next(e for e in found.ledger.entries if e.source == "text")
    assert text_entry.without.shift_km < 1.0
    assert text_entry.claims[2].without is None
    assert text_entry.claims[0].bits > 0 > text_entry.claims[1].bits - 0.01


def test_a_hard_constraint_can_be_taken_out_again():
    ruled_out = Field(Partition.uniform(7), np.where(Partition.uniform(7).lat_deg > 50.0, 0.0, -np.inf))
    found = estimate_of(two_sources()[0], Evidence("constraints", (claim(ruled_out),)))
    assert found.point.lat_deg > 50.0
    entry = next(e for e in found.ledger.entries if e.source == "constraints")
    assert distance_km(entry.without.point.lat_deg, entry.without.point.lon_deg, *PARIS) < 1.0
    assert np.isfinite(entry.bits)
    everything = Field(Partition.uniform(0), np.full(12, -np.inf))
    with pytest.raises(ConstraintError, match="every place"):
        estimate_of(Evidence("constraints", (claim(everything),)))


def test_abstention_gives_its_reason():
    nothing = estimate_of(Evidence("text", ()))
    assert nothing.abstained
    assert "nothing was found" in nothing.abstention_reason
    half_earth = Field(Partition.uniform(5), np.where(Partition.uniform(5).lon_deg > 0.0, 0.0, -8.0))
    wide = estimate_of(Evidence("text", (claim(half_earth),)), prior=Field.uniform(5), min_gain_bits=0.5)
    assert "less than half of the belief lies within 1,000 km" in wide.abstention_reason
    sharp = estimate_of(two_sources()[0])
    assert not sharp.abstained


def test_regions_and_candidates_of_a_sharp_answer():
    found = estimate_of(Evidence("gps", (claim(points(PARIS, sigma_km=0.05)),)))
    levels = {level: [r for r in found.regions if r.level == level] for level in ("country", "region", "place")}
    assert levels["country"][0].code == "FR"
    assert levels["country"][0].probability > 0.95
    assert levels["region"][0].code == "FR.11"
    assert "Paris" in found.candidates[0].label
    assert found.credible[0].level == 0.5
    assert found.credible[0].area_km2 < found.credible[1].area_km2
    assert found.credible[1].region.contains([PARIS[0]], [PARIS[1]]).all()


@pytest.mark.parametrize("level", ["country", "region", "city"])
def test_the_floor_lets_nothing_finer_out(level):
    secret = (48.87311, 2.29502)
    gps = Evidence("exif", (Claim("GPS", "48.87311, 2.29502", "there", likelihood=points(secret, sigma_km=0.02)),))
    full = estimate_of(gps)
    coarse = coarsen(full, level)
    assert coarse.coarsest == level
    assert distance_km(coarse.point.lat_deg, coarse.point.lon_deg, *secret) > 0.3
    assert "48.87" not in repr(coarse.ledger)
    assert coarse.evidence == ()
    assert coarse.error_km["p50"] >= 13.0
    assert coarse.belief.partition.orders.max() <= 8
    assert {"country": {"country"}, "region": {"country", "region"}}.get(level, {"country", "region", "place"}) >= {
        r.level for r in coarse.regions
    }
    assert [e.bits for e in coarse.ledger.entries] == [e.bits for e in full.ledger.entries]
    with pytest.raises(OptionError, match="Did you mean"):
        coarsen(full, "countries")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.floats(-80, 80), st.floats(-180, 179), st.floats(0.1, 800), st.floats(0.01, 0.9)),
        min_size=1,
        max_size=4,
    )
)
def test_any_evidence_gives_a_consistent_estimate(rows):
    evidence = [
        Evidence(f"s{i}", (claim(points((lat, lon), sigma_km=km, floor=w)),))
        for i, (lat, lon, km, w) in enumerate(rows)
    ]
    found = estimate_of(*evidence)
    ledger = found.ledger
    total = ledger.prior_bits + sum(e.bits for e in ledger.entries) + ledger.agreement_bits
    assert total == pytest.approx(ledger.total_bits, abs=1e-6)
    assert found.belief.mass.sum() == pytest.approx(1.0)
    assert 0 <= found.error_km["p50"] <= found.error_km["p90"] <= 20040
    assert isinstance(found.point, Point)
    assert all(e.information_gain_bits >= -1e-9 for e in ledger.entries)
    again = estimate_of(*evidence)
    assert again.point == found.point
