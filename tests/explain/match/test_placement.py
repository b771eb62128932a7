import numpy as np
import pytest

from whence.explain.match.placement import placement


def blobs(seed, shape=(40, 56)):
    generator = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    for y, x in generator.integers(0, (shape[0] - 6, shape[1] - 6), (12, 2)):
        mask[y : y + 6, x : x + 5] = True
    return mask


def test_masks_in_place_beat_every_shift():
    mask = blobs(0)
    found = placement(mask, mask, np.ones(mask.shape, bool))
    assert found.iou == pytest.approx(1.0)
    assert found.phi == pytest.approx(1.0)
    assert found.best_shift == 0.0
    assert found.beaten == 1.0
    assert found.z > 4.0
    assert found.chance_iou < 0.4


def test_a_shift_is_found():
    whole = blobs(1, (60, 80))
    found = placement(whole[10:50, 10:66], whole[10:50, 18:74], np.ones((40, 56), bool))
    assert found.best_shift == pytest.approx(8 / 56)


def test_values_are_those_of_a_loop_over_shifts():
    a, b = blobs(2), blobs(3)
    valid = np.ones(a.shape, bool)
    valid[:, :9] = False
    found = placement(a, b, valid)
    inside_a, inside_b = a[valid], b[valid]
    assert found.iou == pytest.approx((inside_a & inside_b).sum() / (inside_a | inside_b).sum())
    assert found.phi == pytest.approx(np.corrcoef(inside_a, inside_b)[0, 1])
    phis = []
    h, w = a.shape
    for dy in range(-h + 1, h):
        for dx in range(-w + 1, w):
            mine = (slice(max(0, dy), min(h, h + dy)), slice(max(0, dx), min(w, w + dx)))
            theirs = (slice(max(0, -dy), min(h, h - dy)), slice(max(0, -dx), min(w, w - dx)))
            both = valid[mine] & valid[theirs]
            if both.sum() >= 0.4 * valid.sum() and np.hypot(dx, dy) >= 0.1 * w:
                p, q = a[mine][both], b[theirs][both]
                phis.append(np.corrcoef(p, q)[0, 1] if p.std() * q.std() > 0 else 0.0)
    assert found.controls == len(phis)
    assert found.z == pytest.approx((found.phi - np.mean(phis)) / np.std(phis), abs=1e-6)
    assert found.beaten == pytest.approx(np.mean(np.array(phis) < found.phi), abs=1e-3)


def test_empty_masks_say_nothing():
    empty = np.zeros((30, 30), bool)
    found = placement(empty, blobs(4, (30, 30)), np.ones((30, 30), bool))
    assert found.phi == 0.0
    assert found.iou == 0.0
