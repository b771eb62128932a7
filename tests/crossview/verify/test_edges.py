from __future__ import annotations

import numpy as np
import pytest

from made_crossview_registrations import ground, seen, turned
from whence.core.errors import InputError
from whence.crossview.verify.edges import NOTHING, edge_agreement


def everywhere(picture):
    return np.ones(picture.shape[:2], bool)


def test_edges_agree_in_place_alone():
    reference, transform = ground(), turned()
    query = seen(reference, transform)
    right = edge_agreement(query, reference, everywhere(reference), transform)
    wrong = edge_agreement(query, reference, everywhere(reference), turned(turn_deg=120.0))
    other = edge_agreement(seen(ground(9), transform), reference, everywhere(reference), transform)
    assert right.correlation > 0.6
    assert right.significance > 8.0
    assert max(abs(wrong.significance), abs(other.significance)) < 4.0
    assert right.compared_px > 5000


def test_contrast_may_be_turned_over():
    reference, transform = ground(), turned()
    negative = 255 - seen(reference, transform)
    assert edge_agreement(negative, reference, everywhere(reference), transform).significance > 8.0


def test_off_by_a_pixel_is_in_place_and_by_ten_is_not():
    reference = ground()
    query = seen(reference, turned())
    near = edge_agreement(query, reference, everywhere(reference), turned(at=(151.0, 131.0)))
    far = edge_agreement(query, reference, everywhere(reference), turned(at=(160.0, 137.0)))
    assert near.significance > 8.0
    assert far.significance < 4.0
    assert far.rival > 8.0  # the place that was missed


def test_masks_keep_their_edges_out():
    reference, transform = ground(), turned()
    query, known = seen(reference, transform), np.ones((140, 160), bool)
    known[:50] = False
    query[:50] = 0
    valid = everywhere(reference)
    valid[:, :60] = False
    masked = edge_agreement(query, np.where(valid[..., None], reference, 0).astype(np.uint8), valid, transform, known)
    assert masked.significance > 6.0
    assert masked.compared_px < 12000


def test_nothing_to_compare():
    reference = ground()
    query = seen(reference, turned())
    assert edge_agreement(query, reference, everywhere(reference), turned(at=(900.0, 900.0))) == NOTHING
    folded = np.array([[1.0, 0, 0], [0, 1, 0], [-0.01, 0, 1]])
    assert edge_agreement(query, reference, everywhere(reference), folded) == NOTHING
    assert edge_agreement(query, reference, ~everywhere(reference), turned()) == NOTHING
    blank = edge_agreement(np.full_like(query, 90), reference, everywhere(reference), turned())
    assert abs(blank.significance) < 4.0


def test_masks_have_the_size_of_their_picture():
    with pytest.raises(InputError, match="size of its picture"):
        edge_agreement(ground(), ground(), np.ones((4, 4), bool), np.eye(3))
