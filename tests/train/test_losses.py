"""Losses by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.train.losses import (  # noqa: E402
    alike_weights,
    concept_divergence,
    grounded_concepts,
    image_to_place,
    place_targets,
    place_to_image,
)


def test_targets_fall_like_a_gaussian_of_the_distance() -> None:
    here = torch.tensor([[0.0, 0.0]])
    one_degree = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    targets = place_targets(here, one_degree, sigma_km=111.19508)[0]  # one degree of the mean sphere
    assert targets.sum().item() == pytest.approx(1.0)
    assert (targets[1] / targets[0]).item() == pytest.approx(math.exp(-0.5), rel=2e-3)
    assert (targets[2] / targets[0]).item() == pytest.approx(math.exp(-2.0), rel=2e-3)


def test_targets_know_no_antimeridian() -> None:
    targets = place_targets(torch.tensor([[10.0, 179.9]]), torch.tensor([[10.0, -179.9], [10.0, 179.7]]), 100.0)
    assert targets[0, 0].item() == pytest.approx(0.5, abs=1e-3)


def test_the_contrast_of_orthogonal_pairs_is_known() -> None:
    unit = torch.eye(3)
    expected = -math.log(math.exp(2) / (math.exp(2) + 2))
    assert image_to_place(unit, unit, torch.tensor(2.0)).item() == pytest.approx(expected)
    assert place_to_image(unit, unit, torch.tensor(2.0)).item() == pytest.approx(expected)
    hard = image_to_place(unit, unit, torch.tensor(2.0), targets=torch.eye(3))
    assert hard.item() == pytest.approx(expected)


def test_queued_places_are_negatives() -> None:
    unit = torch.eye(3)
    alone = image_to_place(unit[:2], unit[:2], torch.tensor(2.0))
    with_queue = image_to_place(unit[:2], torch.cat([unit[:2], unit[2:].repeat(5, 1)]), torch.tensor(2.0))
    assert with_queue > alone
    assert with_queue.item() == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 6)))


def test_the_divergence_is_nil_for_equal_and_positive_for_other_distributions() -> None:
    drawn = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    shuffled = drawn[torch.randperm(64, generator=torch.Generator().manual_seed(1))]
    assert concept_divergence(drawn, shuffled, 0.7).item() == pytest.approx(0.0, abs=1e-5)
    wider = 2 * (drawn - drawn.mean(0)) + drawn.mean(0)
    assert concept_divergence(drawn, wider, 0.7).item() > 0.1


def test_the_divergence_of_two_points_is_known() -> None:
    """k(p, p) = k(q, q) = 1 and k(p, q) = exp(−d² / 2h²), so the divergence is d² / h²."""
    p, q = torch.zeros(1, 2), torch.tensor([[0.6, 0.8]])
    assert concept_divergence(p, q, 0.5).item() == pytest.approx(1 / 0.25)
    assert concept_divergence(p, q, 0.5, "mean_log").item() == pytest.approx(1 / 0.25)


def test_the_printed_form_sees_only_means() -> None:
    drawn = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    wider = 3 * (drawn - drawn.mean(0)) + drawn.mean(0)
    assert concept_divergence(drawn, wider, 1.0, "mean_log").item() == pytest.approx(0.0, abs=1e-4)
    assert concept_divergence(drawn, wider, 1.0, "cauchy_schwarz").item() > 0.1
    moved = drawn + torch.tensor([0.3, 0.0, 0.4])
    assert concept_divergence(drawn, moved, 1.0, "mean_log").item() == pytest.approx(0.25, rel=1e-3)


def test_unknown_truths_teach_nothing() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.0, 50.0]], requires_grad=True)
    truths = torch.tensor([[1.0, 0.0], [0.5, math.nan]])
    loss = grounded_concepts(logits, truths)
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + math.log(2)) / 3
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[1, 1] == 0.0


def test_weights_of_one_leave_the_contrast_as_it_is() -> None:
    unit = torch.eye(3)
    plain = image_to_place(unit, unit, torch.tensor(2.0), smoothing=0.1)
    weighted = image_to_place(unit, unit, torch.tensor(2.0), smoothing=0.1, log_weights=torch.zeros(3, 3))
    assert weighted.item() == pytest.approx(plain.item())
    soft = image_to_place(unit, unit, torch.tensor(2.0), targets=torch.eye(3), log_weights=torch.zeros(3, 3))
    assert soft.item() == pytest.approx(image_to_place(unit, unit, torch.tensor(2.0)).item())


def test_places_with_the_same_concepts_are_the_harder_negatives() -> None:
    concepts = torch.tensor([[4.0, -4.0], [-4.0, 4.0], [4.0, -4.0], [-4.0, 4.0]])
    log_weights = alike_weights(concepts, 2, 3.0)
    assert log_weights[0, 2] > log_weights[0, 3]
    assert log_weights[1, 3] > log_weights[1, 2]
    assert log_weights.diagonal().abs().max() == 0.0
    of_negatives = log_weights.exp().sum(1) - 1
    torch.testing.assert_close(of_negatives / 3, torch.ones(2))
