import numpy as np
import pytest

from made_matches import made_match
from whence.core.errors import OptionError
from whence.explain.match import explain_match, measure_faithfulness
from whence.explain.match.faithfulness import cited_pixels, masked, shared_ground


@pytest.fixture(scope="module")
def explanation():
    return explain_match(made_match())


def test_cited_pixels_lie_around_fitting_points_and_within_the_share(explanation):
    cited = cited_pixels(explanation, 0.2)
    assert 0 < cited.sum() <= 0.22 * shared_ground(explanation.match).sum()
    x, y = explanation.match.registration.correspondences.query_px[0].astype(int)
    assert cited[y, x]


def test_a_score_that_rests_on_the_cited_pixels_falls_with_them(explanation):
    pixels, cited = explanation.match.query.pixels, cited_pixels(explanation)

    def score(query):
        return -float(np.abs(query.astype(float) - pixels)[cited].mean())

    found = measure_faithfulness(explanation, score, trials=3)
    assert found.whole == 0.0
    assert found.drop > found.control_drop
    assert found.holds
    assert len(found.controls) == 3
    assert found.masked_share == pytest.approx(cited.mean())


def test_a_score_that_rests_on_others_does_not_hold(explanation):
    pixels, cited = explanation.match.query.pixels, cited_pixels(explanation)
    others = shared_ground(explanation.match) & ~cited
    found = measure_faithfulness(explanation, lambda q: -float(np.abs(q.astype(float) - pixels)[others].mean()))
    assert not found.holds


def test_masks_of_other_pixels_have_the_same_size_and_touch_no_cited_one(explanation):
    pixels, cited = explanation.match.query.pixels, cited_pixels(explanation)
    changed = []

    def score(query):
        changed.append((query != pixels).any(axis=2))
        return 0.0

    measure_faithfulness(explanation, score, trials=2)
    for mask in changed[:2]:
        assert not (mask & cited).any()
        assert mask.sum() == pytest.approx(cited.sum(), rel=0.05)


def test_masked_pixels_take_the_light_around_them():
    pixels = np.full((40, 40, 3), 50, np.uint8)
    pixels[15:25, 15:25] = 250
    mask = np.zeros((40, 40), bool)
    mask[14:26, 14:26] = True
    assert (masked(pixels, mask) == 50).all()
    assert (masked(pixels, np.zeros((40, 40), bool)) == pixels).all()


def test_nothing_is_measured_where_nothing_agrees():
    rejected = explain_match(made_match(accepted=False, found=False))
    assert measure_faithfulness(rejected, lambda query: 0.0) is None


def test_settings_are_checked(explanation):
    with pytest.raises(OptionError, match="most_share"):
        measure_faithfulness(explanation, lambda query: 0.0, most_share=0.9)
