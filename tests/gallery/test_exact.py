"""Searches among some of the rows answer as the full product over those rows does."""

from __future__ import annotations

import numpy as np
import pytest

from whence.core.errors import OptionError
from whence.gallery.exact import ExactRows, write_rows


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    found = np.random.default_rng(0).normal(size=(3000, 24)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def exact(rows, tmp_path_factory) -> ExactRows:
    folder = tmp_path_factory.mktemp("exact")
    return ExactRows(folder, write_rows(folder, *rows.shape, lambda start, end: rows[start:end]))


@pytest.mark.parametrize("share", [0.005, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("k", [1, 12])
def test_only_allowed_rows_are_found(exact, rows, share, k):
    rng = np.random.default_rng(int(share * 1000))
    allowed = rng.random(len(rows)) < share
    queries = rng.normal(size=(11, 24)).astype(np.float32)
    found, scores = exact.top(queries, k, allowed)
    told = np.where(allowed, queries.astype(np.float64) @ rows.T.astype(np.float64), -np.inf)
    np.testing.assert_array_equal(found, np.argsort(-told, axis=1, kind="stable")[:, :k])
    np.testing.assert_allclose(scores, np.take_along_axis(told, found, axis=1), atol=1e-9)


def test_more_than_are_allowed_is_refused(exact):
    allowed = np.zeros(3000, bool)
    allowed[:3] = True
    with pytest.raises(OptionError, match=r"1\.\.3"):
        exact.top(np.ones((1, 24), np.float32), 4, allowed)
