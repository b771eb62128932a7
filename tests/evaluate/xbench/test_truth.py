"""Claims against known geometry, and the figures made of them, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from made_xbench import benchmark
from whence.core.errors import InputError
from whence.evaluate.xbench.geometry import (
    corner_error_px,
    data_share,
    hull_share,
    local_scales,
    moved,
    overlap_share,
    regions_meet,
    turn_between,
)
from whence.evaluate.xbench.scores import Config, score, to_json
from whence.evaluate.xbench.sentences import score_words, similarities
from whence.evaluate.xbench.truth import check_claims, is_right
from whence.evaluate.xbench.types import Answer, Masking, ReferenceExplanation, Sentence, StatedClaim

SHIFT = np.array([[1.0, 0.0, 10.0], [0.0, 1.0, 20.0], [0.0, 0.0, 1.0]])
SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return benchmark(tmp_path_factory.mktemp("xbench") / "bench")


@pytest.fixture
def matched(made):
    return next(item for item in made.items if item.match)


@pytest.fixture
def wrong(made):
    return next(item for item in made.items if not item.match)


def true_answer(item, **changes):
    """An answer that knows the truth."""
    matrix = item.truth.matrix if item.truth else np.eye(3)
    query = np.array([(20.0, 20.0), (100.0, 20.0), (100.0, 100.0), (20.0, 100.0)])
    rows = np.column_stack([query, moved(matrix, query), np.ones(4)])
    answer = Answer(
        item.name, item.match, 0.9 if item.match else 0.1, tuple(matrix.ravel()),
        None if item.truth is None else item.truth.heading_deg,
        pairs=tuple(map(tuple, rows)),
    )  # fmt: skip
    return replace(answer, **changes)


def claim(kind, verdict, values=None, **regions):
    return StatedClaim("c1", kind, verdict, values or {}, **regions)


def test_geometry_by_hand():
    assert corner_error_px(SHIFT, np.eye(3), (30, 40)) == pytest.approx(math.hypot(10, 20))
    assert overlap_share(SHIFT, (100, 100), (100, 100)) == pytest.approx(0.9 * 0.8)
    assert hull_share(np.asarray(SQUARE), np.eye(3), (20, 20), (20, 20)) == pytest.approx(0.25)
    assert local_scales(np.diag([2.0, 3.0, 1.0]), 5, 5) == pytest.approx((3.0, 2.0))
    assert turn_between(350.0, 10.0) == 20.0
    there = tuple((x + 10, y + 20) for x, y in SQUARE)
    assert regions_meet([SQUARE], [there], SHIFT, 0.0)
    assert not regions_meet([SQUARE], [SQUARE], SHIFT, 0.0)
    assert regions_meet([SQUARE], [SQUARE], SHIFT, 30.0)  # within the tolerance of the truth
    folded = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -0.1, 1.0]])
    assert overlap_share(folded, (100, 100), (100, 100)) == 0.0


def test_right_and_wrong_places(matched, wrong):
    assert is_right(matched, true_answer(matched)) is True
    far = SHIFT @ matched.truth.matrix
    assert is_right(matched, true_answer(matched, transform=tuple(far.ravel()))) is False
    assert is_right(matched, true_answer(matched, transform=None)) is False
    assert is_right(wrong, true_answer(wrong)) is False
    middle_only = replace(matched, truth=replace(matched.truth, transform=None))
    assert is_right(middle_only, true_answer(matched)) is True
    assert is_right(replace(matched, truth=None), true_answer(matched)) is None


@pytest.mark.parametrize(
    ("verdict", "of_matched", "of_wrong"),
    [("agrees", True, False), ("contradicts", False, True), ("unclear", None, None)],
)
def test_same_ground_is_true_of_matches_alone(matched, wrong, verdict, of_matched, of_wrong):
    for item, expected in ((matched, of_matched), (wrong, of_wrong)):
        (test,) = check_claims(item, true_answer(item, claims=(claim("edges", verdict),)))
        assert test.place is expected
        assert test.tested == (expected is not None)


def test_heading_and_scale_of_accepted_matches(matched, wrong):
    heading = matched.truth.heading_deg
    for given, expected in ((heading + 2.0, True), (heading + 180.0, False)):
        (test,) = check_claims(
            matched, true_answer(matched, claims=(claim("heading", "unclear", {"heading_deg": given % 360}),))
        )
        assert test.place is expected
    (test,) = check_claims(wrong, true_answer(wrong, match=True, claims=(claim("heading", "unclear"),)))
    assert test.place is False
    gsd = matched.truth.gsd_m_per_px
    (test,) = check_claims(
        matched, true_answer(matched, claims=(claim("scale", "unclear", {"gsd_m_per_px": gsd * 1.5}),))
    )
    assert test.place is False
    assert test.numbers is False  # the transform gives another size


def test_numbers_are_worked_out_anew(matched):
    def numbers(kind, values):
        (test,) = check_claims(matched, true_answer(matched, claims=(claim(kind, "unclear", values),)))
        return test.numbers

    assert numbers("point matches", {"inliers": 4.0, "pairs": 4.0, "chance": 2.0}) is True
    assert numbers("point matches", {"inliers": 5.0, "pairs": 4.0}) is False
    assert numbers("residual", {"residual_px": 0.0}) is True
    assert numbers("residual", {"residual_px": 1.0}) is False
    assert numbers("spread of matches", {"share": (80 / 120) ** 2}) is True
    assert numbers("spread of matches", {"share": 0.9}) is False
    assert numbers("shape", {"stretch": 1.0, "perspective": 1.0}) is True
    assert numbers("overlap", {"share": 1.0}) is True
    assert numbers("overlap", {"share": 0.5}) is False
    assert numbers("concepts", {"shared": 3.0}) is None


def test_an_overlap_may_leave_out_ground_without_data(matched):
    """The reference is black to one side of the middle of the query."""
    answer = true_answer(matched)
    data = np.ones((matched.query.height_px, matched.query.width_px), bool)
    reference = np.ones((matched.reference.height_px, matched.reference.width_px), bool)
    whole = data_share(answer.matrix, data, reference)
    assert whole == pytest.approx(overlap_share(answer.matrix, data.shape[::-1], reference.shape[::-1]), abs=0.01)
    empty = reference.copy()
    middle = round(answer.matrix[0] @ (60.0, 60.0, 1.0))
    empty[:, :middle] = False
    half = data_share(answer.matrix, data, empty)
    assert 0.2 < half < 0.8
    assert data_share(answer.matrix, ~data, reference) == 0.0
    for stated, right in ((whole, True), (half, True), (half - 0.1, False), (whole + 0.1, False)):
        said = replace(answer, claims=(claim("overlap", "unclear", {"share": stated}),))
        assert check_claims(matched, said, lambda: (data, empty))[0].numbers is right
    left_out = replace(answer, claims=(claim("overlap", "unclear", {"share": half}),))
    assert check_claims(matched, left_out)[0].numbers is False


def test_cited_pixels_lie_on_one_another(matched):
    query = (((30.0, 30.0), (70.0, 30.0), (70.0, 70.0), (30.0, 70.0)),)
    there = (tuple(map(tuple, moved(matched.truth.matrix, np.asarray(query[0])))),)
    away = (tuple((x + 120, y) for x, y in there[0]),)
    for regions, expected in ((there, True), (away, False)):
        said = claim("lines", "agrees", query_regions=query, reference_regions=regions)
        (test,) = check_claims(matched, true_answer(matched, claims=(said,)))
        assert test.pixels is expected
        assert test.true is expected


def told(texts):
    return {code: tuple(Sentence(text, ("c1",)) for text in told) for code, told in texts.items()}


def test_words_by_themselves(matched):
    said = claim("point matches", "agrees", {"inliers": 41.0, "pairs": 50.0, "chance": 6.0})
    good = true_answer(
        matched,
        claims=(said,),
        sentences=told({"en": ["41 of 50 pairs fit, chance 6."], "zh": ["50 对中有 41 对相符，偶然为 6。"]}),
    )
    found = score_words(good)
    assert (found.sentences, found.contradicting, found.languages_agree) == (2, 0, True)
    bad = replace(good, sentences=told({"en": ["44 of 50 pairs fit."], "zh": ["50 对中有 41 对相符。"]}))
    found = score_words(bad)
    assert (found.contradicting, found.languages_agree) == (1, False)
    uncited = replace(good, sentences={"en": (Sentence("41 roofs agree.", ()),)})
    assert score_words(uncited).contradicting == 1
    assert score_words(uncited).languages_agree is None


class Letters:
    """An encoder that counts letters."""

    def encode(self, texts):
        out = np.array([[text.count(letter) + 1e-9 for letter in "abcdefgh"] for text in texts], np.float32)
        return out / np.linalg.norm(out, axis=1, keepdims=True)


def test_likeness_is_to_the_nearest_reference(matched):
    answer = true_answer(matched, sentences=told({"en": ["abc"]}))
    references = [
        ReferenceExplanation(matched.name, "one", "en", (Sentence("gh"),)),
        ReferenceExplanation(matched.name, "two", "en", (Sentence("cab"),)),
    ]
    assert similarities([answer], references, Letters())[0] == pytest.approx(1.0)
    assert math.isnan(similarities([answer], references, None)[0])
    assert math.isnan(similarities([answer], references[:0], Letters())[0])


def test_figures_of_a_system_that_knows_the_truth(made):
    answers = [
        true_answer(
            item,
            claims=(claim("edges", "agrees" if item.match else "contradicts"),),
            masking=Masking(3.0, (1.0, 2.0), 0.2) if item.match else None,
        )
        for item in made.items
    ]
    found = score(made, answers, Config(draws=50))
    values = {name: item.value for name, item in found.figures.items()}
    assert values["accuracy"] == values["AUC"] == values["recall"] == values["claim truth"] == 1.0
    assert values["right places"] == values["masking better"] == 1.0
    assert values["false accepts"] == values["answers with a false claim"] == 0.0
    assert values["Brier"] == pytest.approx(0.01)
    assert values["ECE"] == pytest.approx(0.1)
    assert found.by_difficulty["hard"][0].value == 1.0
    assert found.by_kind["edges", "agrees"] == (4, 4)
    assert "similarity en" in found.not_measured
    assert to_json(found)["figures"]["accuracy"]["value"] == 1.0


def test_items_without_an_answer_count_as_rejected(made):
    found = score(made, [], Config(draws=10))
    assert found.answered == 0
    assert found.figures["recall"].value == 0.0
    assert found.figures["accuracy"].value == 0.75
    assert "claim truth" in found.not_measured


def test_answers_to_something_else(made, matched):
    with pytest.raises(InputError, match="no item"):
        score(made, [true_answer(replace(matched, name="other"))])
    with pytest.raises(InputError, match="twice"):
        score(made, [true_answer(matched), true_answer(matched)])
