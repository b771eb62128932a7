from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import made_bundles
from whence.core.bundle import load_bundle
from whence.core.errors import ArtifactError, InputError, OptionError
from whence.earth.coordinates import Point
from whence.encode.bundled import AlignmentModel
from whence.estimate.calibration import SourceCalibration
from whence.estimate.estimate import estimate
from whence.evaluate.faithfulness.concept_sources import concept_source
from whence.evaluate.faithfulness.intervene import EXACT, edit_concepts, largest_difference_bits, remove_sources
from whence.evaluate.faithfulness.randomise import (
    MIRRORED,
    Part,
    concept_bits,
    explanation_correlation,
    mirrored,
    rank_correlation,
    ranks,
    shuffled_bundle,
)
from whence.evaluate.faithfulness.regions import (
    contributions,
    grid_boxes,
    occluded,
    region_curves,
    total_variation,
)
from whence.evaluate.faithfulness.study import Case, Config, study
from whence.evaluate.faithfulness.summary import Means, to_json
from whence.evaluate.faithfulness.table import claim_rows, rows
from whence.pipeline import Locator, Options
from whence.samples.reader import read_view
from whence.samples.view import Query

PLACE = (40.0, 10.0)
SPARSITY = {"sparsity": 0.05}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("bundles")
        made_bundles.colour_bundle(folder / "land", area="land", finest_order=5)
        yield folder / "land"


@pytest.fixture(scope="module")
def make(bundle):
    usual = {"alignment.model": str(bundle), "alignment.coarse_order": "4", "alignment.sparsity": "0.05"}

    def made(settings, without):
        names = tuple(name for name in ("alignment", "clock") if name != without)
        options = Options(sources=names, prior="uniform", settings={**usual, **settings})
        return Locator(options).ask

    return made


def query(place=PLACE):
    return Query(views=(read_view(made_bundles.picture_of(*place), name="made"),))


def two_coloured():
    view = read_view(made_bundles.picture_of(*PLACE, size=(48, 48)), name="made")
    pixels = view.pixels.copy()
    pixels[:, :24] = made_bundles.colour_of(-30.0, 140.0)
    return Query(views=(replace(view, pixels=pixels),))


# ------------------------------------------------------------------------------------------------ interventions


@pytest.mark.parametrize("place", [PLACE, (-33.0, 151.0), (64.0, -21.0)])
def test_edits_of_concepts_move_the_belief_as_the_ledger_said(bundle, make, place):
    found = edit_concepts(query(place), make, concept_source(str(bundle), SPARSITY), concepts=2)
    assert len(found) in (3, 6)
    assert all(item.exact for item in found)
    assert max(item.bits for item in found) <= EXACT
    assert max(item.moved for item in found) > 0.01


def test_edits_are_exact_where_the_source_may_be_wrong(bundle, make):
    source = {"temperature": 1.4, "wrong_share": 0.15, "pictures": 50, "groups": 3}
    found = edit_concepts(query(), _with_wrong_share(make, source), concept_source(str(bundle), SPARSITY))
    assert found
    assert all(item.exact for item in found)
    (without,) = remove_sources(query(), _with_wrong_share(make, source))
    assert without.exact


def _with_wrong_share(make, source):
    """Locates as ``make`` does, with the alignment source calibrated."""
    calibration = SourceCalibration(**source)

    def made(settings, without):
        ask = make(settings, without)

        def asked(what):
            found = ask(what)
            evidence = [calibration.apply(item, found.prior) for item in found.evidence]
            return estimate(found.query, found.prior, evidence)

        return asked

    return made


def test_removing_a_source_is_exact(make):
    (found,) = remove_sources(query(), make)
    assert found.change == "without alignment"
    assert found.exact
    assert found.moved > 0.1


def test_edits_need_one_view_of_a_known_kind(bundle, make):
    model = concept_source(str(bundle))
    two = Query(views=(*query().views, *query().views))
    assert edit_concepts(two, make, model) == ()


def test_differences_where_both_rule_out(make):
    field = make({}, None)(query()).belief
    assert largest_difference_bits(field, field) == 0.0
    assert total_variation(field, field) == 0.0


# ------------------------------------------------------------------------------------------------ shuffled weights


def test_shuffled_copies(bundle, tmp_path):
    pytest.importorskip("onnx", reason="the extra train is not installed")
    rng = np.random.default_rng(0)
    whole = load_bundle(bundle)
    source = concept_source(str(bundle))
    image = shuffled_bundle(source, tmp_path / "image", Part.IMAGE, rng)
    names = shuffled_bundle(source, tmp_path / "names", Part.CONCEPTS, rng)
    basis = np.asarray(whole.array("basis"))
    assert (np.asarray(image.array("basis")) == basis).all()
    moved = np.asarray(names.array("basis"))
    assert not (moved == basis).all(axis=1).any()
    assert sorted(map(tuple, moved.tolist())) == sorted(map(tuple, basis.tolist()))
    view = list(query().views)
    before, after = (AlignmentModel.load(str(b.folder)).embed_views(view)[0] for b in (whole, image))
    assert not np.allclose(before, after)


def test_a_bundle_without_concepts_cannot_be_shuffled_in_them(tmp_path):
    plain = made_bundles.colour_bundle(tmp_path / "plain", concepts=0)
    with pytest.raises(ArtifactError, match="nothing to shuffle"):
        shuffled_bundle(concept_source(str(plain.folder)), tmp_path / "copy", Part.CONCEPTS, np.random.default_rng(0))


def test_rank_correlation_by_hand():
    assert ranks(np.array([3.0, 1.0, 3.0])).tolist() == [2.5, 1.0, 2.5]
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 90.0])) == pytest.approx(1.0)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    bits = {"a": 2.0, "b": 1.0}
    assert explanation_correlation(bits, bits, ["a", "b", "c", "d"]) == pytest.approx(1.0)
    assert explanation_correlation(bits, {"c": 1.0, "d": 2.0}, ["a", "b", "c", "d"]) < 0.0


def test_mirrored_pictures_of_one_colour_explain_alike(make):
    ask = make({}, None)
    assert concept_bits(ask(query()), "alignment") == concept_bits(ask(mirrored(query())), "alignment")
    assert concept_bits(ask(query()), "alignment")
    assert concept_bits(ask(query()), "clock") == {}


# ------------------------------------------------------------------------------------------------ regions


def test_boxes_tile_the_picture_and_painting_is_where_it_should_be():
    boxes = grid_boxes(3)
    assert len(boxes) == 9
    assert sum((b.right - b.left) * (b.bottom - b.top) for b in boxes) == pytest.approx(1.0)
    view = two_coloured().views[0]
    painted = occluded(view, [boxes[0]])
    changed = (painted.pixels != view.pixels).any(axis=2)
    assert changed[:16, :16].all()
    assert not changed[16:].any()
    assert not changed[:, 16:].any()


def test_region_curves(make):
    found = region_curves(two_coloured(), make({}, None), np.random.default_rng(0), side=2, orders=3)
    assert len(found.units) == 4
    assert found.ledger.bits[0] == 0.0
    assert found.ledger.bits[-1] == pytest.approx(found.random.bits[-1])
    assert region_curves(query(), make({}, None), np.random.default_rng(0), side=2) is None


def test_a_belief_alone_gives_the_same_curves(bundle):
    settings = {"alignment.model": str(bundle), "alignment.coarse_order": "4", "alignment.sparsity": "0.05"}
    locator = Locator(Options(sources=("alignment",), prior="uniform", settings=settings))
    asked = two_coloured()
    np.testing.assert_array_equal(locator.believe(asked).values, locator.ask(asked).belief.values)
    slow, fast = (
        region_curves(asked, locator.ask, np.random.default_rng(0), side=2, orders=2, believe=how)
        for how in (None, locator.believe)
    )
    np.testing.assert_array_equal(slow.ledger.bits, fast.ledger.bits)
    assert slow.units == fast.units
    floored = Locator(Options(sources=("alignment",), coarsest="country", settings=settings))
    with pytest.raises(OptionError, match="resolution floor"):
        floored.believe(asked)


def test_cells_that_say_the_same_share_it():
    """Two units of 3 bits that repeat each other, and one of 2 that does not: by hand."""

    def step(gone):
        return 3.0 * {0, 1}.issubset(gone) + 2.0 * (2 in gone), 0.0

    assert contributions(step, 3) == [1.5, 1.5, 2.0]
    assert [step([i])[0] for i in range(3)] == [0.0, 0.0, 2.0]


# ------------------------------------------------------------------------------------------------ the whole


def test_study(bundle, make):
    pytest.importorskip("onnx", reason="the extra train is not installed")
    config = Config(orders=3, grid=2, region_orders=1, concepts=1, draws=50)
    told = []
    cases = [
        Case("one", two_coloured, Point(*PLACE), "anna"),
        Case("two", lambda: query((10.0, 105.0)), Point(10.0, 105.0), "ben"),
        Case("broken", lambda: (_ for _ in ()).throw(InputError("no picture")), None, "ben"),
    ]
    found = study(cases, make, config, sources=[concept_source(str(bundle), SPARSITY)], report=told.append)
    assert [item.name for item in told] == ["one", "two", "broken"]
    summary = to_json(found, config)
    json.dumps(summary, allow_nan=False)
    assert summary["failed"] == [{"name": "broken", "message": "no picture"}]
    assert summary["interventions"]["concepts"]["made"] == summary["interventions"]["concepts"]["exact"] > 0
    assert summary["interventions"]["sources"]["largest_bits"] <= EXACT
    assert set(summary["randomisation"]) == {f"alignment, {name}" for name in (MIRRORED, *Part)}
    assert summary["curves"]["claim"]["measured"] == 2
    assert {(c["source"], c["kind"]) for c in summary["claims"]["by_kind"]} >= {("alignment", "concept")}
    again = to_json(study(cases, make, config, sources=[concept_source(str(bundle), SPARSITY)]), config)
    assert again == summary
    assert any(row[0] == "deletion, claims" for row in rows(summary))
    assert all(len(row) == 7 for row in claim_rows(summary))


def test_only_the_tests_that_are_asked_for(make):
    (found,) = study([Case("one", query, Point(*PLACE))], make, Config(tests="claims"))
    assert found.checks
    assert (found.curves, found.interventions, dict(found.correlations)) == ((), (), {})
    with pytest.raises(OptionError, match="Did you mean 'curves'"):
        Config(tests="curve")
    with pytest.raises(InputError, match="grid must be 2 or more"):
        Config(grid=1)


def test_intervals_draw_whole_groups():
    means = Means(500, 0)
    found = means([1.0, 1.0, 0.0, 0.0], ["a", "a", "b", "b"])
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
    assert np.isnan(means([1.0, 0.0], ["a", "a"]).low)
    assert np.isnan(means([], []).value)
