"""Cross-view losses by hand, and across processes."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.train.crossview.losses import (  # noqa: E402
    distance_contrast,
    inside_loss,
    inside_position,
    inside_score,
    instance_loss,
    overlap_contrast,
    symmetric_contrast,
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


_A = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
_OWN = torch.tensor([0, 1])


def test_symmetric_contrast_by_hand() -> None:
    # Each query has cosine 1 with its own and 0 with the other, both ways.
    expected = math.log(1 + math.exp(-2.0))
    assert symmetric_contrast(_A, _A, _OWN, torch.tensor(2.0)).item() == pytest.approx(expected, abs=1e-6)
    swapped = symmetric_contrast(_A, _A.flip(0), torch.tensor([1, 0]), torch.tensor(2.0))
    assert swapped.item() == pytest.approx(expected, abs=1e-6)


def test_references_of_other_kinds_are_negatives_of_the_queries_alone() -> None:
    references = torch.cat([_A, torch.tensor([[-1.0, 0.0]])])
    found = symmetric_contrast(_A, references, _OWN, torch.tensor(1.0)).item()
    there = (math.log(math.e + 1 + math.exp(-1)) - 1 + math.log(math.e + 2) - 1) / 2
    back = math.log(math.e + 1) - 1
    assert found == pytest.approx((there + back) / 2, abs=1e-6)


def test_smoothing_of_each_pair_equals_label_smoothing_where_it_is_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.nn.functional.normalize(torch.randn(5, 4, generator=generator), dim=1) for _ in range(2))
    own = torch.arange(5)
    one = symmetric_contrast(a, b, own, torch.tensor(7.0), 0.1)
    each = symmetric_contrast(a, b, own, torch.tensor(7.0), torch.full((5,), 0.1))
    assert one.item() == pytest.approx(each.item(), abs=1e-6)


def test_pairs_that_overlap_little_are_believed_less() -> None:
    scale = torch.tensor(5.0)
    full = overlap_contrast(_A, _A, _OWN, scale, torch.ones(2))
    none = overlap_contrast(_A, _A, _OWN, scale, torch.zeros(2))
    assert none.item() == pytest.approx(symmetric_contrast(_A, _A, _OWN, scale, torch.full((2,), 0.5)).item())
    assert full < none


def test_distance_targets_forgive_near_references_and_not_far_ones() -> None:
    query_deg = torch.tensor([[0.0, 0.0], [40.0, 40.0]])
    near, far = (torch.tensor([[0.0, 0.001], [40.0, 40.0 + d]]) for d in (0.001, 10.0))
    same = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    at_near = distance_contrast(same, same, torch.tensor(3.0), query_deg, near, 1000.0)
    at_far = distance_contrast(same, same, torch.tensor(3.0), query_deg, far, 1000.0)
    assert at_near.item() == pytest.approx(at_far.item(), abs=1e-3)
    crowd = torch.tensor([[0.0, 0.0], [0.0, 0.0001]])
    even = distance_contrast(same, same, torch.tensor(3.0), crowd, crowd, 1e6)
    assert even.item() > at_far.item()


def test_instance_loss_is_the_mean_over_kinds() -> None:
    logits = {"satellite": torch.tensor([[0.0, 0.0]]), "drone": torch.tensor([[math.log(3.0), 0.0]])}
    places = {"satellite": torch.tensor([0]), "drone": torch.tensor([0])}
    assert instance_loss(logits, places).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2, abs=1e-6)


def test_position_inside_the_tile_is_learned() -> None:
    xy = torch.tensor([[0.1, 0.9], [0.55, 0.3]])
    cells = torch.zeros(2, 4, 4, requires_grad=True)
    offsets = torch.zeros(2, 2, 4, 4, requires_grad=True)
    optimiser = torch.optim.Adam([cells, offsets], lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        inside_loss(cells, offsets, xy).backward()
        optimiser.step()
    assert torch.allclose(inside_position(cells, offsets), xy, atol=0.02)
    assert (inside_score(cells.detach()) > inside_score(torch.zeros(2, 4, 4))).all()


_TWO = """
import sys, torch
from torch import distributed, nn
from whence.train.crossview.gather import gathered, gathered_numbers, process_group, rank
from whence.train.crossview.losses import symmetric_contrast
torch.set_num_threads(1)
with process_group():
    net = nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.arange(12.0).reshape(3, 4) / 10)
    net = nn.parallel.DistributedDataParallel(net)
    x = torch.randn(8, 2, 4, generator=torch.Generator().manual_seed(0))[rank() * 4 : rank() * 4 + 4]
    a, b = (nn.functional.normalize(net(x[:, i]), dim=1) for i in range(2))
    rows = gathered_numbers(torch.arange(4) + 4 * rank())
    loss = symmetric_contrast(gathered(a), gathered(b), rows, torch.tensor(4.0))
    loss.backward()
    if rank() == 0:
        torch.save({"loss": loss.detach(), "gradient": net.module.weight.grad}, sys.argv[1])
"""


def test_two_processes_give_the_gradients_of_one(tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "two.pt"
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    environment |= {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-c", _TWO, str(out)], env=environment | {"RANK": str(rank)})
        for rank in range(2)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    found = torch.load(out, weights_only=True)

    net = torch.nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.arange(12.0).reshape(3, 4) / 10)
    x = torch.randn(8, 2, 4, generator=torch.Generator().manual_seed(0))
    a, b = (torch.nn.functional.normalize(net(x[:, i]), dim=1) for i in range(2))
    loss = symmetric_contrast(a, b, torch.arange(8), torch.tensor(4.0))
    loss.backward()
    assert found["loss"].item() == pytest.approx(loss.item(), abs=1e-6)
    assert torch.allclose(found["gradient"], net.weight.grad, atol=1e-6)
