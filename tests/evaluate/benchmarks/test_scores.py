"""Scores of benchmarks, by hand and against scikit-learn."""

import math

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.evaluate.benchmarks.scores import (
    chain_of_latitude,
    choice_accuracy,
    coordinate_score,
    distance_recall,
    name_accuracy,
    name_scores,
    path_score,
)


def test_shares_within_distances():
    errors, at = np.array([0.5, 1.0, 30.0, np.inf]), np.array([1.0, 25.0])
    assert distance_recall(errors, at).tolist() == [0.5, 0.5]
    assert distance_recall(errors, at, strict=True).tolist() == [0.25, 0.5]
    with pytest.raises(InputError, match="nothing to score"):
        distance_recall(np.empty(0), at)


def test_coordinate_score_of_earthwhere():
    assert coordinate_score(np.array([0.0, 0.1, 0.2, np.inf])) == pytest.approx(
        [1.0, math.exp(-1), math.exp(-(2**1.3)), 0.0]
    )


def test_names_are_scored_where_the_truth_has_one():
    assert name_accuracy(["FR", "FR", None, "JP"], ["FR", "ES", "IT", ""]) == pytest.approx(1 / 3)
    assert math.isnan(name_accuracy(["FR"], [None]))
    with pytest.raises(InputError, match="1 for 2"):
        name_accuracy(["FR"], ["FR", "ES"])


def test_macro_scores_by_hand():
    found = name_scores(["a", "a", "b", "c"], ["a", "b", "b", "b"])
    # a: recall 1, F1 2·1/(2+1); b: recall 1/3, F1 2·1/(1+3); c: never true, recall and F1 0
    assert found["accuracy"] == 0.5
    assert found["recall"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found["f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_macro_scores_as_scikit_learn_has_them():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    draw = np.random.default_rng(1)
    answers, truths = (draw.choice([*"abcdefg"], 60).tolist() for _ in range(2))
    found = name_scores(answers, truths)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truths, answers))
    for name, score in (("recall", metrics.recall_score), ("f1", metrics.f1_score)):
        assert found[name] == pytest.approx(score(truths, answers, average="macro", zero_division=0))


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (["Hubei", "Xiangyang", "Zaoyang", "Beicheng"], 1.0),
        (["hubei ", "Xiangyang", "Niushou", "Beicheng"], 0.5),
        (["Hubei"], 0.25),
        (["Hubei", None, "Zaoyang"], 0.75),  # a finer name says which town is meant
        (["", "", "", "Beicheng"], 1.0),
        (["Hunan", "Xiangyang", "Zaoyang", "Beicheng"], 0.0),
        ([], 0.0),
    ],
)
def test_path_score_of_earthwhere(answer, score):
    assert path_score(answer, ["Hubei", "Xiangyang", "Zaoyang", "Beicheng"]) == score


def test_choices_by_belief():
    masses = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.4, 0.4, 0.1], [0.0, 0.0, 0.0, 0.0], [0.6, 0.4, 0.0, 0.0]])
    assert choice_accuracy(masses, np.array([0, 1, 2, 1])) == pytest.approx((1 + 0.5 + 0.25 + 0) / 4)


def test_questions_that_a_latitude_answers():
    assert dict(chain_of_latitude(-1.3)) == {"near_equator": True, "near_pole": False, "northern_hemisphere": False}
    assert dict(chain_of_latitude(70.0)) == {"near_equator": False, "near_pole": True, "northern_hemisphere": True}
