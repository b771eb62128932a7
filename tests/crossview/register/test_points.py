"""Pairs of features by hand."""

from __future__ import annotations

import numpy as np
import pytest

from whence.crossview.register.points import match_near, match_points
from whence.encode.local.types import LocalFeatures


def features(xy: list[list[float]], descriptors: np.ndarray) -> LocalFeatures:
    given = np.asarray(descriptors, np.float32)
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    return LocalFeatures(np.array(xy, np.float64), unit, np.ones(len(xy)), (100, 100))


def test_nearest_neighbours_must_agree():
    a = features([[1, 1], [2, 2], [3, 3]], np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 0, 1]]))
    b = features([[5, 5], [6, 6]], np.array([[0, 0, 1], [1, 0.02, 0]]))
    pairs = match_points(a, b, ratio=1.0)
    assert pairs.first.tolist() == [0, 2]
    assert pairs.second.tolist() == [1, 0]
    assert (pairs.score > 0).all()


def test_doubtful_pairs_are_dropped_by_the_ratio():
    a = features([[1, 1]], np.array([[1, 0, 0]]))
    b = features([[5, 5], [6, 6]], np.array([[1, 0.3, 0], [1, 0.31, 0]]))
    assert len(match_points(a, b, ratio=0.9)) == 0
    assert len(match_points(a, b, ratio=1.0)) == 1


def test_pairs_of_many_features_are_those_of_the_plain_way():
    """More rows than are compared at a time."""
    draw = np.random.default_rng(0)
    a = features(draw.uniform(0, 100, (3000, 2)).tolist(), draw.normal(size=(3000, 8)))
    b = features(draw.uniform(0, 100, (500, 2)).tolist(), draw.normal(size=(500, 8)))
    alike = a.descriptors @ b.descriptors.T
    nearest, back = alike.argmax(axis=1), alike.argmax(axis=0)
    wanted = [(i, nearest[i]) for i in range(3000) if back[nearest[i]] == i and alike[i, nearest[i]] >= 0.5]
    pairs = match_points(a, b, ratio=1.0)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == wanted


def test_near_pairs_are_those_of_the_plain_way():
    draw = np.random.default_rng(1)
    a = features(draw.uniform(0, 100, (200, 2)).tolist(), draw.normal(size=(200, 4)))
    b = features(draw.uniform(-10, 110, (300, 2)).tolist(), draw.normal(size=(300, 4)))
    away = np.linalg.norm(a.xy_px[:, None] - b.xy_px[None], axis=2)
    alike = np.where(away <= 12.0, a.descriptors @ b.descriptors.T, -1.0)
    nearest, back = alike.argmax(axis=1), alike.argmax(axis=0)
    wanted = {(i, int(nearest[i])) for i in range(200) if back[nearest[i]] == i and alike[i, nearest[i]] >= 0.5}
    pairs = match_near(a, b, at_px=a.xy_px, radius_px=12.0, ratio=1.0, least=0.5)
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == wanted


def test_nothing_pairs_with_nothing():
    a, none = features([[1, 1]], np.eye(3)[:1]), _empty()
    assert len(match_points(a, none)) == 0
    assert len(match_near(none, a, at_px=np.zeros((0, 2)), radius_px=5.0)) == 0
    assert match_near(a, a, at_px=a.xy_px + 50, radius_px=5.0).score.shape == (0,)
    assert match_points(a, a).score == pytest.approx([1.0])


def _empty() -> LocalFeatures:
    return LocalFeatures(np.zeros((0, 2)), np.zeros((0, 3), np.float32), np.zeros(0), (100, 100))
