"""Retrieval: recall and average precision against values worked out by hand and against scikit-learn."""

import math

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.evaluate.retrieval_metrics import (
    average_precision,
    average_precision_by_trapezoids,
    mean_average_precision,
    ranked_relevance,
    recall_at,
    recall_at_percent,
)

RANKED = np.array([[False, True, False, True], [True, False, False, False], [False, False, False, False]])


def test_recall_by_hand():
    assert [recall_at(RANKED, k) for k in (1, 2, 4, 9)] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert recall_at_percent(RANKED, 1.0) == recall_at(RANKED, 1)
    assert recall_at_percent(RANKED, 50.0) == recall_at(RANKED, 2)


def test_average_precision_by_hand():
    """Relevant at ranks 2 and 4: precisions 1/2 and 2/4; before them 0 and 1/3."""
    assert average_precision(RANKED[0]) == pytest.approx(0.5)
    assert average_precision_by_trapezoids(RANKED[0]) == pytest.approx((0.5 * (0 + 1 / 2) + 0.5 * (1 / 3 + 2 / 4)) / 2)
    assert average_precision_by_trapezoids(RANKED[1]) == average_precision(RANKED[1]) == 1.0
    assert math.isnan(average_precision(RANKED[2]))
    assert math.isnan(average_precision_by_trapezoids(RANKED[2]))
    assert mean_average_precision(RANKED) == pytest.approx(0.75)
    assert mean_average_precision(RANKED, trapezoids=True) == pytest.approx((1 / 3 + 1) / 2)


def test_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    generator = np.random.default_rng(0)
    scores, relevant = generator.normal(size=(20, 50)), generator.uniform(size=(20, 50)) < 0.1
    relevant[:, 0] = True
    expected = np.mean([metrics.average_precision_score(r, s) for r, s in zip(relevant, scores, strict=True)])
    assert mean_average_precision(ranked_relevance(scores, relevant)) == pytest.approx(expected)


def test_ties_do_not_pay():
    relevant = np.array([[True, False, False]])
    assert ranked_relevance(np.zeros((1, 3)), relevant).tolist() == [[False, False, True]]
    assert ranked_relevance(np.array([[2.0, 3.0, 1.0]]), relevant).tolist() == [[False, True, False]]


def test_nothing_to_retrieve_is_refused():
    with pytest.raises(InputError, match="needs queries"):
        recall_at(np.zeros((0, 3), bool), 1)
    with pytest.raises(InputError, match="K of 1"):
        recall_at(RANKED, 0)
    with pytest.raises(InputError, match="percentage"):
        recall_at_percent(RANKED, 0.0)
    with pytest.raises(InputError, match="relevant for any"):
        mean_average_precision(RANKED[2:])
