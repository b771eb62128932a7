"""A calibration applied: what is added is the mixture, the ledger stays exact, regions and abstention follow it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from whence.core.errors import ArtifactError, OptionError
from whence.earth.field import LN2, Field
from whence.earth.partition import Partition
from whence.estimate.abstention import Abstention
from whence.estimate.calibration import FITTED, Calibration, ConformalLevel, SourceCalibration
from whence.estimate.coarsen import coarsen
from whence.estimate.estimate import estimate
from whence.estimate.render import to_dict, to_text
from whence.estimate.types import QueryInfo
from whence.evidence.types import ALLOWANCE, Claim, Evidence
from whence.explain.contrast import contrast
from whence.explain.rationale import rationale
from whence.explain.report import render_report

PARIS, LYON, BERLIN = (48.8566, 2.3522), (45.764, 4.8357), (52.52, 13.405)


def points(*where, sigma_km=30.0, floor=0.02, weights=None) -> Field:
    lat, lon = zip(*where, strict=True)
    return Field.from_points(lat, lon, weights, sigma_km=sigma_km, floor=floor)


def claim(field: Field | None) -> Claim:
    return Claim("test", "read", "implies", likelihood=field)


def evidence() -> list[Evidence]:
    one = Evidence("eye", (claim(points(PARIS, LYON, weights=[3, 1])), claim(points(BERLIN, PARIS)), claim(None)), 1.5)
    return [one, Evidence("ear", (claim(points(LYON, sigma_km=200.0)),)), Evidence("nose")]


def prior() -> Field:
    partition = Partition.uniform(6)
    return Field(partition, 0.5 * partition.vectors[:, 2]).normalise()


def rule(**changed) -> Abstention:
    made = Abstention("p50_km", -300.0, {}, 750.0, 0.25, 0.9, 0.7, 0.6, 0.8, 0.1, 0.05, 0.2, 100)
    return replace(made, **changed)


def calibration(**changed) -> Calibration:
    levels = tuple(
        ConformalLevel(kind, coverage, level, "picture")
        for kind in ("area", "country", "region")
        for coverage, level in ((0.5, 0.6), (0.9, 0.97))
    )
    made = Calibration(
        sources={"eye": SourceCalibration(2.0, 0.1, 80, 4), "nose": SourceCalibration(3.0, 0.5, 80, 4)},
        levels=levels,
        dataset="made",
        pictures=100,
        groups={"a": 40, "b": 60},
        configuration="e1",
        created="2026-01-01T00:00:00+00:00",
        whence="0.1.0",
    )
    return replace(made, **changed)


def found(*calibrations: Calibration, **versions: str):
    return estimate(QueryInfo("test.jpg"), prior(), evidence(), calibrations=calibrations, versions=versions)


def test_what_is_fused_is_the_mixture():
    """prior · ((1 − ε) L^(1/T) / E[L^(1/T)] + ε), computed by hand."""
    raw = evidence()[0]
    (item,) = calibration().apply([raw], prior())
    assert (item.temperature, item.wrong_share) == (2.0, 0.1)
    whole = Field.sum(raw.likelihoods)
    told = np.exp(whole.values / 2.0)
    mass = prior().on(whole.partition).mass
    by_hand = np.log(0.9 * told / np.sum(mass * told) + 0.1)
    difference = item.log_likelihood().on(whole.partition).values - by_hand
    assert np.ptp(difference) < 1e-12
    assert item.claims[-1].kind == ALLOWANCE
    assert "10 %" in item.claims[-1].read


def test_temperature_alone_adds_no_claim_and_other_sources_stay():
    only = Calibration(sources={"eye": SourceCalibration(2.0, 0.0)})
    items = only.apply(evidence(), prior())
    assert len(items[0].claims) == 3
    assert items[0].temperature == 2.0
    assert items[1] == evidence()[1] or items[1].temperature == 1.0
    assert items[2].claims == ()


def test_a_source_that_may_be_wrong_rules_nothing_out():
    partition = Partition.uniform(4)
    north = Field(partition, np.where(partition.lat_deg > 0.0, 0.0, -np.inf))
    (item,) = Calibration(sources={"eye": SourceCalibration(2.0, 0.1)}).apply(
        [Evidence("eye", (claim(north),))], Field.uniform(4)
    )
    belief = Field.sum([Field.uniform(4), item.log_likelihood()]).normalise()
    assert np.isfinite(belief.values).all()
    assert belief.mass[partition.lat_deg <= 0.0].sum() == pytest.approx(0.1 * 0.5, abs=0.002)
    (hard,) = Calibration(sources={"eye": SourceCalibration(2.0, 0.0)}).apply(
        [Evidence("eye", (claim(north),))], Field.uniform(4)
    )
    assert np.isneginf(hard.log_likelihood().values).any()


def test_the_ledger_adds_up_exactly():
    answer = found(calibration())
    ledger = answer.ledger
    total = ledger.prior_bits + sum(e.bits for e in ledger.entries) + ledger.agreement_bits
    assert total == pytest.approx(ledger.total_bits, abs=1e-9)
    assert ledger.total_bits == pytest.approx(float(answer.belief.at(*_at(answer.point))) / LN2, abs=1e-9)
    second = ledger.runner_up
    rest = float(answer.prior.at(*_at(second))) / LN2 + sum(e.bits_runner_up for e in ledger.entries)
    assert rest + ledger.agreement_bits == pytest.approx(float(answer.belief.at(*_at(second))) / LN2, abs=1e-9)


def test_claims_add_up_to_their_source_between_any_two_places():
    answer = found(calibration())
    for a, b in ((PARIS, LYON), (BERLIN, (-33.9, 151.2))):
        told = contrast(answer, a, b)
        direct = (float(answer.belief.at(*a)) - float(answer.belief.at(*b))) / LN2
        assert told.prior_bits + sum(item.bits for item in told.items) == pytest.approx(direct, abs=1e-9)


def test_a_claim_and_its_allowance_add_up_to_the_source():
    only = Calibration(sources={"ear": SourceCalibration(1.0, 0.2)})
    entry = next(e for e in found(only).ledger.entries if e.source == "ear")
    assert sum(c.bits for c in entry.claims) == pytest.approx(entry.bits, abs=1e-9)
    assert sum(c.bits_runner_up for c in entry.claims) == pytest.approx(entry.bits_runner_up, abs=1e-9)
    assert entry.claims[-1].bits < 0.0


def test_without_a_claim_the_allowance_is_made_anew():
    answer = found(calibration())
    entry = next(e for e in answer.ledger.entries if e.source == "eye")
    eye, ear, nose = evidence()
    less = estimate(
        QueryInfo("x"), prior(), [replace(eye, claims=eye.claims[1:]), ear, nose], calibrations=[calibration()]
    )
    moved = entry.claims[0].without.point
    assert moved.lat_deg == pytest.approx(less.point.lat_deg, abs=0.3)
    assert moved.lon_deg == pytest.approx(less.point.lon_deg, abs=0.3)


def test_regions_and_sets_follow_the_levels():
    plain, answer = found(), found(calibration())
    assert [c.drawn_at for c in plain.credible] == [None, None]
    assert [c.drawn_at for c in answer.credible] == [0.6, 0.97]
    assert [c.level for c in answer.credible] == [0.5, 0.9]
    assert answer.credible[1].region.mass >= 0.97
    (told,) = answer.calibrated
    assert [(s.level, s.coverage) for s in told.sets] == [
        ("country", 0.5),
        ("country", 0.9),
        ("region", 0.5),
        ("region", 0.9),
    ]
    assert "FR" in told.sets[0].codes
    assert set(told.sets[0].codes) <= set(told.sets[1].codes)


def test_it_is_said_what_it_was_calibrated_on_and_whether_it_fits():
    text = to_text(found(calibration(), evidence="e1"))
    assert "Calibrated on 100 pictures of 2 photographers" in text
    assert "may not hold" not in text
    other = found(calibration(), evidence="e2")
    assert not other.calibrated[0].fits
    assert "may not hold" in " ".join(to_text(other).split())
    line = to_dict(other)
    assert line["calibration"][0]["fits"] is False
    assert line["credible"][1]["calibrated"] is True
    assert line["credible"][1]["belief"] >= 0.97
    assert to_dict(found())["calibration"] == []
    assert "Calibrated on 100 pictures of 2 photographers" in rationale(other).how_sure
    assert "100 pictures of 2 photographers" in " ".join(render_report(other).replace("&nbsp;", " ").split())


def test_a_rule_for_abstaining_takes_the_place_of_the_settings():
    kept = found(calibration(abstention=rule(threshold=-20000.0)))
    assert not kept.abstained
    given_up = found(calibration(abstention=rule(threshold=-0.001)))
    assert given_up.abstained
    assert "100 pictures" in given_up.abstention_reason
    assert given_up.calibrated[0].rule
    learned = rule(by="learned", weights={"": -2.0, "gain_bits": 0.5}, threshold=0.5)
    assert learned.score({"gain_bits": 4.0}) == pytest.approx(0.5)
    assert learned.reason({"gain_bits": 4.1}) is None
    assert "probability" in learned.reason({"gain_bits": 1.0})


def test_of_several_each_calibrates_its_sources_and_the_first_with_levels_draws():
    mine = Calibration(sources={"eye": SourceCalibration(2.0, 0.1)}, pictures=5)
    answer = found(mine, calibration(sources={"ear": SourceCalibration(1.5, 0.0)}))
    assert {e.source: e.temperature for e in answer.ledger.entries} == {"eye": 2.0, "ear": 1.5, "nose": 1.0}
    assert [bool(item.sets) for item in answer.calibrated] == [False, True]
    assert "eye: calibrated on 5 pictures" in to_text(answer)


@pytest.mark.parametrize("level", ["country", "city"])
def test_a_coarse_region_holds_all_of_the_calibrated_one(level):
    full = found(calibration())
    coarse = coarsen(full, level)
    for fine, wide in zip(full.credible, coarse.credible, strict=True):
        index = fine.region.index
        held = wide.region.contains(fine.region.partition.lat_deg[index], fine.region.partition.lon_deg[index])
        assert held.all()
        assert wide.drawn_at == fine.drawn_at
    assert {s.level for s in coarse.calibrated[0].sets} == (
        {"country"} if level == "country" else {"country", "region"}
    )


def test_a_file_comes_back_as_it_was(tmp_path):
    made = calibration(abstention=rule(by="learned", weights={"": 1.0, "country": 2.0}))
    made.save(tmp_path / "c.json")
    back = Calibration.load(tmp_path / "c.json")
    assert back == made
    assert back.hash == made.hash
    assert not list(tmp_path.glob("*.part"))


def test_a_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("{")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Calibration.load(path)
    path.write_text(json.dumps({"schema": "whence.bundle/1"}))
    with pytest.raises(ArtifactError, match=r"expected 'whence\.calibration/1'"):
        Calibration.load(path)
    good = calibration().to_dict()
    for broken, said in (
        ({**good, "colour": 1}, "colour"),
        ({**good, "sources": {"eye": {"temperature": 0.0, "wrong_share": 0.1}}}, "above 0"),
        ({**good, "sources": {"eye": {"temperatur": 1.0}}}, "temperature"),
        ({**good, "levels": [{"kind": "area", "coverage": 2.0, "level": 0.5, "unit": "group"}]}, "conformal level"),
    ):
        with pytest.raises((ArtifactError, OptionError), match=said):
            Calibration.from_dict(broken)


def test_a_bundle_carries_it_for_its_own_source_only():
    header = {"temperature": 1.3, FITTED: json.loads(json.dumps(calibration(abstention=rule()).to_dict()))}
    mine = Calibration.of_bundle(header, "eye")
    assert dict(mine.sources) == {"eye": SourceCalibration(2.0, 0.1, 80, 4)}
    assert (mine.levels, mine.abstention, mine.pictures) == ((), None, 100)
    assert Calibration.of_bundle(header, "text") is None
    assert Calibration.of_bundle({"temperature": 1.3}, "eye") is None


def _at(place) -> tuple[float, float]:
    return place.lat_deg, place.lon_deg
