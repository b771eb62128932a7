"""The basis of concepts, prototypes by hand, and scores that are sums over concepts."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.concepts.alignment import MAX_LOGIT_SCALE, Alignment, ConceptBasis, prototypes  # noqa: E402
from whence.concepts.decompose import Config, decompose_many  # noqa: E402
from whence.core.errors import OptionError  # noqa: E402
from whence.encode.image.chipnet import ChipNet  # noqa: E402
from whence.encode.location.spherical_harmonics_siren import Config as PlaceConfig  # noqa: E402
from whence.encode.location.spherical_harmonics_siren import SphericalHarmonicsSiren  # noqa: E402

_CONCEPTS = 12


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _basis(dim: int = 8) -> ConceptBasis:
    start = 5 * torch.randn(_CONCEPTS, dim, generator=_generator())
    rates = torch.linspace(0, 1, _CONCEPTS)
    rates[3] = math.nan
    return ConceptBasis(start, rates)


def _alignment(basis: ConceptBasis | None = None) -> Alignment:
    places = SphericalHarmonicsSiren(PlaceConfig(degrees=4, width=16, layers=1, dim=8), _generator(1))
    return Alignment(ChipNet.tiny(), places, basis)


def test_rows_have_unit_length_whatever_is_learned() -> None:
    basis = _basis()
    assert torch.allclose(basis(), basis.start)
    with torch.no_grad():
        basis.delta.normal_(0, 3, generator=_generator(2))
    assert torch.allclose(basis().norm(dim=1), torch.ones(_CONCEPTS))


def test_the_start_is_kept_and_delta_is_learned() -> None:
    basis = _basis()
    start, wanted = basis.start.clone(), torch.nn.functional.normalize(torch.ones(8), dim=0)
    assert "start" in basis.state_dict()
    assert "start" not in dict(basis.named_parameters())
    optimiser = torch.optim.SGD(basis.parameters(), lr=0.5)
    before = (basis() @ wanted).mean().item()
    for _ in range(20):
        optimiser.zero_grad()
        (-(basis() @ wanted).mean()).backward()
        optimiser.step()
    assert torch.equal(basis.start, start)
    assert basis.delta.abs().max() > 0
    assert (basis() @ wanted).mean().item() > before + 0.1


def test_the_readout_starts_at_the_base_rates() -> None:
    basis = _basis()
    told = torch.sigmoid(basis.logits(torch.zeros(1, _CONCEPTS)))[0]
    rates = torch.linspace(0, 1, _CONCEPTS).clamp(1e-3, 1 - 1e-3)
    rates[3] = 0.5  # unknown
    assert torch.allclose(told, rates, atol=1e-5)
    assert (basis.logits(torch.ones(1, _CONCEPTS)) > basis.logits(torch.zeros(1, _CONCEPTS))).all()


def test_prototypes_by_hand() -> None:
    places = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 4.0]])
    nan = math.nan
    truths = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.5, 1.0], [0.0, nan, 1.0], [0.0, 0.0, 1.0]])
    found = prototypes(places, truths, _generator())
    first = np.array([2.0, -3.0])  # (1, 0), (3, 0) less (0, 2), (0, 4)
    # True: (1 · (1, 0) + ½ · (3, 0)) / 1.5. False: (½ · (3, 0) + 1 · (0, 4)) / 1.5; the third is not known.
    second = (np.array([2.5, 0.0]) - np.array([1.5, 4.0])) / 1.5
    for row, wanted in zip(found[:2], (first, second), strict=True):
        np.testing.assert_allclose(row.numpy(), wanted / np.linalg.norm(wanted), rtol=1e-6)
    assert found[2].norm().item() == pytest.approx(1.0), "true everywhere: a direction is drawn"
    assert torch.equal(found, prototypes(places, truths, _generator()))
    assert not torch.equal(found[2], prototypes(places, truths, _generator(1))[2])


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 1.0])
def test_the_score_of_a_picture_and_a_place_is_a_sum_over_concepts(sparsity: float) -> None:
    basis = _basis()
    with torch.no_grad():
        basis.delta.normal_(0, 0.3, generator=_generator(3))
    model = _alignment(basis).eval()
    pictures = torch.randn(5, 3, 16, 16, generator=_generator(4))
    places = torch.tensor([[48.9, 2.4], [-33.9, 151.2], [90.0, 0.0], [0.0, 180.0]])
    with torch.no_grad():
        images, embedded = (rows.numpy() for rows in model(pictures, places))
        rows = model.basis().numpy()
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1.0, rtol=1e-5)
    for x, found in zip(images, decompose_many(images, rows, Config(sparsity=sparsity)), strict=True):
        parts = found.contributions(embedded)
        assert parts.shape == (4, _CONCEPTS)
        np.testing.assert_allclose(parts.sum(1) + found.residual_scores(embedded), embedded @ x, atol=1e-6)
        assert (found.strengths >= 0).all()


def test_lengths_must_agree_and_the_scale_is_bounded() -> None:
    with pytest.raises(OptionError, match="one length of embedding"):
        _alignment(_basis(dim=6))
    model = _alignment()
    assert model.logit_scale.item() == pytest.approx(1 / 0.07)
    with torch.no_grad():
        model.log_logit_scale.fill_(20.0)
    assert model.logit_scale.item() == MAX_LOGIT_SCALE
