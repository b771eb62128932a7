import io

import numpy as np
import pytest
from PIL import Image

from made_matches import made_match
from whence.explain.match import explain_match, side_by_side
from whence.explain.match.picture import jpeg_uri, shown_pairs


def test_both_pictures_stand_side_by_side():
    explanation = explain_match(made_match())
    image = Image.open(io.BytesIO(side_by_side(explanation, tall_px=280)))
    assert image.format == "PNG"
    assert image.size == (320 + 12 + 280, 280 + 34)
    plain = np.asarray(Image.fromarray(explanation.match.query.pixels).resize((320, 280)))
    assert np.abs(np.asarray(image)[34:, :320].astype(int) - plain).mean() < 40


@pytest.mark.parametrize("found", [True, False])
def test_a_rejected_match_has_a_picture_too(found):
    assert side_by_side(explain_match(made_match(3, other=11, accepted=False, found=found)))


def test_the_strongest_pairs_are_drawn():
    explanation = explain_match(made_match())
    pairs = shown_pairs(explanation, fitting=True, most=5)
    assert pairs[:, :2].tolist() == explanation.match.registration.correspondences.query_px[:5].tolist()
    assert len(shown_pairs(explanation, fitting=False)) == 20


def test_a_small_picture_is_not_enlarged():
    assert jpeg_uri(np.zeros((20, 30, 3), np.uint8), 100).startswith("data:image/jpeg;base64,")
