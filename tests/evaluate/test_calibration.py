"""Calibrations fitted to made pictures find what was put into them, and keep their promises on others."""

from dataclasses import replace

import numpy as np
import pytest

from made_records import made_prior, made_records, made_run
from whence.core.errors import InputError, OptionError
from whence.earth.field import LN2, Field
from whence.estimate.calibration import Calibration
from whence.estimate.conformal import region_of, share_before
from whence.evaluate.calibration import Config, calibrate
from whence.evaluate.calibration_abstention import (
    binomial_interval,
    choose_rule,
    folds,
    risk_coverage,
    upper_share,
)
from whence.evaluate.calibration_fit import Trust, fit_trusts, gains_bits, shares_before
from whence.evaluate.calibration_rows import lay_out, log_sum
from whence.evaluate.records import SourceRecord

PRIOR = made_prior()


def fitted(count=400, seed=0, **how):
    records = made_records(PRIOR, count, np.random.default_rng(seed), **how)
    sources = how.get("sources", ("eye",))
    rows = lay_out(PRIOR, records, sources)
    return rows, fit_trusts(rows, list(sources))


def test_sums_of_runs_by_hand():
    values = np.log([1.0, 2.0, 3.0, 4.0])
    assert np.exp(log_sum(values, np.array([0, 1]))) == pytest.approx([1.0, 9.0])
    assert np.isneginf(log_sum(np.array([-np.inf, 0.0]), np.array([0, 1]))[0])


def test_rows_give_the_bits_and_shares_of_the_fields_themselves():
    records = made_records(PRIOR, 12, np.random.default_rng(3), sources=("eye", "ear"))
    rows = lay_out(PRIOR, records, ("eye", "ear"))
    trusts = {"eye": Trust(2.0, 0.3), "ear": Trust(0.7, 0.0)}
    bits, before = gains_bits(rows, trusts), shares_before(rows, trusts)
    for i, record in enumerate(records):
        eye, ear = (item.likelihood for item in record.sources)
        half = eye.scale(0.5)
        mixed = Field(eye.partition, np.log(0.7 * np.exp(half.values - PRIOR.expected(half)) + 0.3))
        belief = Field.sum([PRIOR, mixed, ear.scale(1 / 0.7)]).normalise()
        spot = record.truth.lat_deg, record.truth.lon_deg
        assert bits[i] == pytest.approx(float(belief.at(*spot) - PRIOR.at(*spot)) / LN2, abs=0.01)
        assert before[i] == pytest.approx(share_before(belief, *spot), abs=0.01)


def test_a_truth_known_to_a_disc_is_averaged_over_it():
    (record,) = made_records(PRIOR, 1, np.random.default_rng(5), accuracy_km=2000.0)
    rows = lay_out(PRIOR, [record], ("eye",))
    belief = Field.sum([PRIOR, record.sources[0].likelihood]).normalise()
    partition = belief.partition
    from whence.earth.coordinates import distance_km

    inside = distance_km(record.truth.lat_deg, record.truth.lon_deg, partition.lat_deg, partition.lon_deg) <= 2000.0
    by_hand = np.log2(belief.mass[inside].sum() / PRIOR.mass[inside].sum())
    assert gains_bits(rows, {})[0] == pytest.approx(by_hand, abs=0.05)


def test_a_source_that_is_right_is_left_as_it_is():
    _, trusts = fitted()
    assert trusts["eye"].temperature == pytest.approx(1.0, rel=0.1)
    assert trusts["eye"].wrong_share < 0.03


def test_a_source_that_is_too_sure_is_cooled():
    rows, trusts = fitted(sharpened=3.0)
    assert trusts["eye"].temperature == pytest.approx(3.0, rel=0.1)
    assert gains_bits(rows, trusts).mean() > gains_bits(rows, {}).mean() + 0.5


def test_the_share_of_wrong_pictures_is_found():
    _, trusts = fitted(wrong=0.2)
    assert trusts["eye"].wrong_share == pytest.approx(0.2, abs=0.06)
    assert trusts["eye"].temperature == pytest.approx(1.0, rel=0.2)


def test_several_sources_are_told_apart():
    _, trusts = fitted(sources=("eye", "ear"), wrong=0.3)
    assert trusts["eye"].wrong_share == pytest.approx(0.3, abs=0.08)
    assert trusts["ear"].wrong_share < 0.03
    assert trusts["ear"].temperature == pytest.approx(1.0, rel=0.2)


def test_the_whole_calibration_of_a_source_too_sure_and_wrong(tmp_path):
    rng = np.random.default_rng(7)
    records = made_records(PRIOR, 240, rng, sharpened=3.0, wrong=0.2, groups=12)
    found = calibrate(made_run(PRIOR, {"evidence": "e1"}), records)
    assert found.sources["eye"].temperature == pytest.approx(3.0, rel=0.2)
    assert found.sources["eye"].groups == 12
    assert (found.pictures, len(found.groups), found.configuration) == (240, 12, "e1")
    assert {level.unit for level in found.levels} == {"group"}
    everyone, *each = found.figures["held_out"]
    assert everyone["bits_after"] > everyone["bits_before"] + 1.0
    assert everyone["covered_before"]["0.9"] < 0.8 < 0.85 <= everyone["covered_after"]["0.9"] <= 1.0
    assert [row["group"] for row in each] == sorted(found.groups)
    found.save(tmp_path / "c.json")
    assert Calibration.load(tmp_path / "c.json").sources == found.sources


def test_regions_cover_new_pictures_as_often_as_promised():
    rng = np.random.default_rng(11)
    found = calibrate(
        made_run(PRIOR), made_records(PRIOR, 100, rng, sharpened=2.0, groups=0), Config(abstain_by="none")
    )
    assert found.abstention is None
    assert {level.unit for level in found.levels} == {"picture"}
    new = made_records(PRIOR, 400, rng, sharpened=2.0, groups=0)
    for coverage in (0.5, 0.9):
        level = found.level("area", coverage).level
        held = []
        for record in new:
            trust = found.sources["eye"]
            told = record.sources[0].likelihood.scale(1.0 / trust.temperature)
            mixed = np.logaddexp(
                np.log1p(-trust.wrong_share) + told.values - PRIOR.expected(told), np.log(trust.wrong_share)
            )
            belief = Field.sum([PRIOR, Field(told.partition, mixed)]).normalise()
            held.append(bool(region_of(belief, level).contains(record.truth.lat_deg, record.truth.lon_deg)))
        # the level itself is one draw: 100 pictures give it a deviation of sqrt(c (1 − c) / 100) more
        assert np.mean(held) >= coverage - 3.0 * np.sqrt(coverage * (1 - coverage) * (1 / 100 + 1 / 400))


def test_a_source_that_rules_out_the_truth_must_be_allowed_to_be_wrong():
    records = made_records(PRIOR, 60, np.random.default_rng(13), groups=6)
    hard = []
    for i, record in enumerate(records):
        (said,) = record.sources
        spot = int(PRIOR.partition.index_at(record.truth.lat_deg, record.truth.lon_deg))
        values = np.where(np.arange(len(PRIOR.partition)) == spot, -np.inf, said.likelihood.values)
        gone = Field(PRIOR.partition, values) if i % 5 == 0 else said.likelihood
        hard.append(replace(record, sources=(replace(said, likelihood=gone),)))
    found = calibrate(made_run(PRIOR), hard)
    assert 0.05 < found.sources["eye"].wrong_share < 0.6
    assert found.figures["held_out"][0]["bits_before"] is None
    assert np.isfinite(found.figures["held_out"][0]["bits_after"])


def test_too_little_to_go_by_is_an_error_that_says_so():
    records = made_records(PRIOR, 40, np.random.default_rng(17))
    with pytest.raises(InputError, match=r"at least 30 pictures.*has 29"):
        calibrate(made_run(PRIOR), records[:29])
    with pytest.raises(InputError, match="No source said something of 50"):
        calibrate(made_run(PRIOR), records, Config(source_pictures=50))
    with pytest.raises(InputError, match="--calibration none"):
        calibrate(made_run(PRIOR, {"calibration": "x"}), records)
    with pytest.raises(InputError, match="some have none"):
        calibrate(made_run(PRIOR), made_records(PRIOR, 40, np.random.default_rng(1), groups=0), Config(unit="group"))
    with pytest.raises(OptionError, match="unit is one of"):
        Config(unit="album")


def test_sources_with_few_pictures_are_left_as_they_were():
    records = made_records(PRIOR, 40, np.random.default_rng(19), groups=4)
    rare = SourceRecord("rare", Field.uniform(4), 2.0)
    some = [replace(r, sources=(*r.sources, rare)) if i < 5 else r for i, r in enumerate(records)]
    found = calibrate(made_run(PRIOR), some)
    assert set(found.sources) == {"eye"}
    assert found.figures["not_fitted"] == {"rare": 5}


# --- abstention --------------------------------------------------------------------------------------------


def test_binomial_intervals_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    for count, total in ((0, 10), (3, 20), (10, 10), (57, 300)):
        interval = stats.binomtest(count, total).proportion_ci(0.95, method="exact")
        assert binomial_interval(count, total) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert upper_share(0, 22, 0.1) == pytest.approx(1 - 0.1 ** (1 / 22))


def test_the_risk_coverage_curve_by_hand():
    threshold, coverage, risk = risk_coverage(np.array([3.0, 1.0, 2.0, 2.0]), np.array([False, True, True, False]))
    assert threshold.tolist() == [3.0, 2.0, 1.0]
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk == pytest.approx([0.0, 1 / 3, 0.5])


def looks(rng, count):
    """Pictures whose chance of an error rises with the width of the belief."""
    width = rng.uniform(0.0, 14.0, count)
    seen = [{"log2_p50_km": w, "log2_p90_km": w + 1, "gain_bits": 14 - w, "country": 0.5} for w in width]
    errors = np.where(rng.random(count) < width / 14.0 * 0.8, 5000.0, 10.0)
    return seen, errors


TARGET = {"target_km": 750.0, "target_risk": 0.25, "confidence": 0.9}


@pytest.mark.parametrize("by", ["p50_km", "gain_bits", "learned"])
def test_a_rule_keeps_its_risk_on_new_pictures(by):
    rng = np.random.default_rng(23)
    broken, coverage = [], []
    for _ in range(40):
        seen, errors = looks(rng, 300)
        rule = choose_rule(seen, errors, [f"g{i % 10}" for i in range(300)], by=by, **TARGET)
        coverage.append(0.0 if rule is None else rule.coverage)
        if rule is None:
            continue
        assert rule.risk_low <= rule.risk <= rule.risk_high
        new, errors = looks(rng, 2000)
        kept = np.array([rule.reason(row) is None for row in new])
        broken.append((errors[kept] > 750.0).mean() > 0.25)
    assert np.mean(broken) <= 0.1 + 2.5 * np.sqrt(0.09 / 40)
    assert 0.3 < np.mean(coverage) < 0.62  # at 0.625 of the pictures the risk is a quarter


def test_no_rule_is_found_where_none_keeps_the_risk():
    rng = np.random.default_rng(29)
    seen, _ = looks(rng, 100)
    assert choose_rule(seen, np.full(100, 9000.0), [None] * 100, by="p50_km", **TARGET) is None
    with pytest.raises(OptionError, match="Did you mean 'p50_km'"):
        choose_rule(seen, np.zeros(100), [None] * 100, by="p50", **TARGET)


def test_folds_share_no_group():
    groups = ["a"] * 5 + ["b"] * 3 + [None] * 4
    parts = folds(groups, most=3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(12))
    assert len(parts) == 3
    for name in ("a", "b"):
        assert sum(any(groups[i] == name for i in part) for part in parts) == 1
    assert len(folds(["a", "b", "b"])) == 2
