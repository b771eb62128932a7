from __future__ import annotations

import pytest

from whence.crossview.register.config import PosePrior
from whence.crossview.register.correlate import Correlator
from whence.crossview.register.method import Expected, RegistrationMethod
from whence.crossview.register.registrar import Registrar


def test_a_prior_is_turned_into_the_references_frame() -> None:
    prior = PosePrior(gsd_m_per_px=0.6, scale_range=1.5, heading_deg=350.0, heading_range_deg=20.0)
    expected = Expected.of(prior, 0.3, 15.0)
    assert (expected.scale, expected.turn_deg) == pytest.approx((2.0, -25.0))
    assert expected.allowed.scale == pytest.approx((2.0 / 1.5, 3.0))
    assert (expected.allowed.turn_deg, expected.allowed.turn_range_deg) == pytest.approx((-25.0, 20.0))


def test_without_a_prior_all_turns_and_the_scales_asked_for_are_allowed() -> None:
    expected = Expected.of(PosePrior(), 0.3, 15.0, unknown=(0.5, 2.0))
    assert (expected.scale, expected.turn_deg) == (None, None)
    assert (expected.allowed.scale, expected.allowed.turn_range_deg) == ((0.5, 2.0), 180.0)


def test_both_methods_are_of_one_shape() -> None:
    methods: list[RegistrationMethod] = [Registrar(), Correlator()]
    assert [method.name for method in methods] == ["sift", "correlation"]
