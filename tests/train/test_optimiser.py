"""Muon takes the weights of layers, AdamW the rest; both as torch's own would."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from torch import nn  # noqa: E402

from whence.core.errors import OptionError  # noqa: E402
from whence.train.optimiser import MuonAdamW, optimiser_for  # noqa: E402
from whence.train.recipe import Optimiser  # noqa: E402

_MUON = Optimiser(method="muon", learning_rate=1e-3, layer_learning_rate=1e-2)


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(72, 5)
    )


def _groups(net: nn.Module) -> list[dict[str, object]]:
    return [{"params": list(net.parameters()), "weight_decay": 0.1, "peak": 1e-3}]


def _stepped(net: nn.Module, optimiser: torch.optim.Optimizer, steps: int = 3) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["peak"]
        optimiser.zero_grad()
        net(torch.randn(4, 3, 5, 5, generator=generator)).square().sum().backward()
        optimiser.step()


def test_without_muon_it_is_adamw() -> None:
    net = _net()
    found = optimiser_for(net, _groups(net), Optimiser())
    assert type(found) is torch.optim.AdamW


def test_layers_learn_by_muon_at_their_own_rate_and_all_else_by_adamw() -> None:
    net = _net()
    optimiser = optimiser_for(net, _groups(net), _MUON)
    assert isinstance(optimiser, MuonAdamW)
    by_muon, others = (
        {id(p) for g in optimiser.param_groups if g["muon"] == muon for p in g["params"]} for muon in (1, 0)
    )
    assert by_muon == {id(net[0].weight), id(net[4].weight)}  # the depthwise one has a channel a row, no matrix
    assert by_muon | others == {id(p) for p in net.parameters()}
    assert {g["peak"] for g in optimiser.param_groups if g["muon"]} == {1e-2}
    assert {g["peak"] for g in optimiser.param_groups if not g["muon"]} == {1e-3}


def test_each_part_moves_as_by_torch_alone() -> None:
    ours, theirs = _net(), _net()
    _stepped(ours, optimiser_for(ours, _groups(ours), _MUON))
    kernel, matrix = theirs[0].weight, theirs[4].weight
    flat = kernel.detach().view(8, -1)
    layers = [{"params": [flat, matrix], "peak": 1e-2}]
    muon = torch.optim.Muon(layers, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    rest = [{"params": [p for p in theirs.parameters() if p is not kernel and p is not matrix], "peak": 1e-3}]
    adamw = torch.optim.AdamW(rest, weight_decay=0.1, fused=True)

    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        for optimiser in (muon, adamw):
            optimiser.param_groups[0]["lr"] = optimiser.param_groups[0]["peak"]
            optimiser.zero_grad()
        kernel.grad = None
        theirs(torch.randn(4, 3, 5, 5, generator=generator)).square().sum().backward()
        flat.grad = kernel.grad.view(8, -1)
        muon.step(), adamw.step()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_the_order_of_channels_in_memory_changes_nothing() -> None:
    first, last = _net(), _net().to(memory_format=torch.channels_last)
    for net in (first, last):
        _stepped(net, optimiser_for(net, _groups(net), _MUON))
    # Muon rounds to 16 bits, whose sums depend on the order.
    assert torch.allclose(first[0].weight, last[0].weight, atol=2e-4)
    assert not torch.allclose(first[0].weight, _net()[0].weight, atol=2e-3)


def test_a_weight_that_moved_in_memory_is_still_found() -> None:
    here, moved = _net(), _net()
    optimisers = [optimiser_for(net, _groups(net), _MUON) for net in (here, moved)]
    for p in moved.parameters():
        p.data = p.data.clone()
    for net, optimiser in zip((here, moved), optimisers, strict=True):
        _stepped(net, optimiser)
    assert all(torch.equal(a, b) for a, b in zip(here.parameters(), moved.parameters(), strict=True))


def test_a_loaded_state_goes_on_as_without_a_stop() -> None:
    whole, stopped = _net(), _net()
    optimiser, first = (optimiser_for(net, _groups(net), _MUON) for net in (whole, stopped))
    _stepped(whole, optimiser, 2), _stepped(stopped, first, 2)
    second = optimiser_for(stopped, _groups(stopped), _MUON)
    second.load_state_dict(first.state_dict())
    _stepped(whole, optimiser, 2), _stepped(stopped, second, 2)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), stopped.parameters(), strict=True))


def test_parameters_of_one_kind_alone_do() -> None:
    layer, norm = nn.Linear(3, 2, bias=False), nn.LayerNorm(3)
    for net in (layer, norm):
        before = [p.detach().clone() for p in net.parameters()]
        optimiser = optimiser_for(net, _groups(net), _MUON)
        net(torch.ones(1, 3)).square().sum().backward()
        for p in net.parameters():
            p.grad = torch.ones_like(p)
        optimiser.step()
        assert all(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(OptionError, match=r"muom.*muon"):
        Optimiser(method="muom")
    with pytest.raises(OptionError, match="above 0"):
        Optimiser(method="muon", layer_learning_rate=0.0)
