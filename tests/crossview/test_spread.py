"""How far an even Gaussian reaches."""

from __future__ import annotations

import numpy as np
import pytest

from whence.crossview.spread import radius_holding


@pytest.mark.parametrize(("share", "radius"), [(0.0, 0.0), (0.5, 1.1774), (0.9, 2.1460), (0.95, 2.4477)])
def test_the_radius_is_that_of_tables_and_of_draws(share: float, radius: float) -> None:
    drawn = np.hypot(*np.random.default_rng(0).normal(size=(2, 200_000)))
    assert radius_holding(share) == pytest.approx(radius, abs=1e-4)
    assert (drawn <= radius_holding(share)).mean() == pytest.approx(share, abs=0.005)
