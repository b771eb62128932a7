from __future__ import annotations

from itertools import permutations

import jsonschema
import numpy as np
import pytest

from whence.earth.coordinates import Point
from whence.earth.field import LN2, Field
from whence.estimate.coarsen import coarsen
from whence.estimate.estimate import estimate
from whence.estimate.faithfulness import (
    UNITS,
    DeletionTest,
    Group,
    Said,
    deletion_test,
    log_densities,
    measure,
)
from whence.estimate.types import QueryInfo
from whence.evidence.types import Claim, Evidence
from whence.explain.report.ledger import faithfulness_note

HERE = Point(47.0, 8.0)


def _made(count, order=3, seed=0):
    rng = np.random.default_rng(seed)
    prior = Field.uniform(order)
    prior = Field(prior.partition, rng.normal(size=len(prior.partition))).normalise()
    return prior, [Field(prior.partition, 2.0 * rng.normal(size=len(prior.partition))) for _ in range(count)]


def _log2_at(prior, fields):
    return float(Field.sum([prior, *fields]).normalise().at(HERE.lat_deg, HERE.lon_deg)) / LN2


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_densities_of_all_subsets_are_those_of_fused_fields(count):
    prior, claims = _made(count)
    found = log_densities(prior, [Group(tuple(claim.values for claim in claims))], HERE)
    assert found.shape == (2**count,)
    for subset in range(2**count):
        kept = [claim for i, claim in enumerate(claims) if subset >> i & 1]
        assert found[subset] == pytest.approx(_log2_at(prior, kept), abs=1e-9)


def test_densities_where_sources_may_be_wrong():
    """A source of two claims that is wrong in a fifth of cases, one that never is, and one of a single claim."""
    prior, (one, two, three, four) = _made(4, seed=2)
    groups = [Group((one.values, two.values), 0.2), Group((three.values,)), Group((four.values,), 0.5)]
    found = log_densities(prior, groups, HERE)

    def allowed(fields, share):
        whole = Field.sum([Field(prior.partition, np.zeros(768)), *fields])
        ratio = np.exp(whole.values - prior.expected(whole))
        return Field(prior.partition, np.log((1.0 - share) * ratio + share))

    for subset in range(16):
        kept = [claim for i, claim in enumerate((one, two, three, four)) if subset >> i & 1]
        parts = [
            allowed([c for c in (one, two) if any(c is k for k in kept)], 0.2),
            *([three] if any(three is k for k in kept) else []),
            allowed([c for c in (four,) if any(c is k for k in kept)], 0.5),
        ]
        assert found[subset] == pytest.approx(_log2_at(prior, parts), abs=1e-9)


def test_claims_of_sources_that_may_be_wrong_stay_together_when_they_are_many():
    prior, claims = _made(9, seed=5)
    sources = [
        Said(claims[:4], [9.0, 1.0, 1.0, 1.0], 0.1),
        Said(claims[4:7], [8.0, 0.1, 0.1]),
        Said(claims[7:], [7, 1]),
    ]
    assert measure(prior, sources, HERE).units == UNITS
    assert measure(prior, [Said(claims[:1], [1.0], 0.3)], HERE) is None
    assert measure(prior, [], HERE) is None


def test_areas_are_those_of_all_orders():
    prior, claims = _made(4, seed=3)
    test = deletion_test(log_densities(prior, [Group(tuple(claim.values for claim in claims))], HERE))
    full = _log2_at(prior, claims)

    def area(order):
        return np.mean([full - _log2_at(prior, [claims[i] for i in order[k:]]) for k in range(1, 4)])

    areas = [area(order) for order in permutations(range(4))]
    alone = [_log2_at(prior, [claim]) for claim in claims]
    assert test.random == pytest.approx(np.mean(areas), abs=1e-9)
    assert test.best == pytest.approx(max(areas), abs=1e-9)
    assert test.worst == pytest.approx(min(areas), abs=1e-9)
    assert test.ledger == pytest.approx(area(np.argsort(-np.asarray(alone))), abs=1e-9)
    assert -1.0 <= test.score <= 1.0


def test_scores_by_hand():
    assert DeletionTest(ledger=3.0, random=2.0, best=4.0, worst=1.0).score == pytest.approx(0.5)
    assert DeletionTest(ledger=1.5, random=2.0, best=4.0, worst=1.0).score == pytest.approx(-0.5)
    assert DeletionTest(ledger=2.0, random=2.0, best=2.0, worst=2.0).score is None
    assert DeletionTest(ledger=np.inf, random=np.inf, best=np.inf, worst=1.0).score is None


def test_a_ledger_that_counts_repetition_twice_is_caught():
    """One of two equal readings can go without loss, but each has more bits alone than the third, which is missed."""
    base = Field.uniform(3)
    at = int(base.partition.index_at(HERE.lat_deg, HERE.lon_deg))
    part, cell = np.full(768, -4.0), np.zeros(768)
    part[at : at + 300] = 0.0
    cell[at] = 0.7
    same, other = Field(base.partition, part), Field(base.partition, cell)
    assert _log2_at(base, [same]) > _log2_at(base, [other]) > 0.0
    assert measure(base, [Said([same, same, other], [1.2, 1.2, 1.0])], HERE).score < 0.0
    cell[at] = 1.4
    assert measure(base, [Said([same, same, Field(base.partition, cell)], [1.2, 1.2, 2.0])], HERE).score > 0.5


def test_not_measured_below_two_claims_and_where_orders_are_alike():
    prior, (one, two) = _made(2)
    assert measure(prior, [Said([one], [1.0])], HERE) is None
    assert measure(prior, [Said([one, one], [1.0, 1.0])], HERE) is None
    assert measure(prior, [Said([one, two], [1.0, 2.0])], HERE).score in (1.0, -1.0)


def test_many_claims_go_in_few_units():
    prior, claims = _made(9, seed=5)
    found = measure(prior, [Said(claims, list(range(9)))], HERE)
    assert found.units == UNITS


def test_places_ruled_out():
    prior, claims = _made(2)
    values = np.full(768, -np.inf)
    values[int(prior.partition.index_at(HERE.lat_deg, HERE.lon_deg))] = 0.0
    hard = Field(prior.partition, values)
    found = measure(prior, [Said([*claims, hard], [1.0, 1.0, 9.0])], HERE)
    assert found is not None
    assert np.isfinite(found.score)


def test_estimates_carry_it(made_estimates):
    assert made_estimates["nothing"].ledger.faithfulness is None
    assert made_estimates["nothing"].to_dict()["faithfulness"] == "not measured"
    found = made_estimates["wide"].to_dict()["faithfulness"]
    assert found["units"] == 2
    assert -1.0 <= found["score"] <= 1.0
    assert coarsen(made_estimates["wide"], "country").to_dict()["faithfulness"] == found
    assert "not measured" in faithfulness_note(None)
    assert f"{found['score']:.2f}" in faithfulness_note(made_estimates["wide"].ledger.faithfulness)


def test_the_schema_knows_it(made_estimates):
    import json
    from importlib.resources import files

    schema = json.loads((files("whence.estimate") / "estimate.schema.json").read_text(encoding="utf-8"))
    for made in made_estimates.values():
        jsonschema.validate(made.to_dict(), schema)
    broken = {**made_estimates["wide"].to_dict(), "faithfulness": "unknown"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_temperature_counts():
    prior, claims = _made(3, seed=1)
    told = tuple(Claim("made", str(i), "", likelihood=claim) for i, claim in enumerate(claims))
    found = estimate(QueryInfo("made"), prior, [Evidence("made", told, temperature=2.0)])
    bits = [claim.bits for claim in found.ledger.entries[0].claims]
    direct = measure(prior, [Said([claim.scale(0.5) for claim in claims], bits)], found.point)
    assert found.ledger.faithfulness.score == pytest.approx(direct.score)
