"""Ranks with rows of different lengths train as one process does on the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from steadfit.penalties import watch
from tests.penalties.watched_models import LanguageModel, all_three

LENGTHS = [[5, 4, 5], [1, 2]]  # of the rows of each rank
ROWS = torch.randn(5, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
PENALTIES = {"rnns.1": all_three(), "output_dropout": all_three()}


def model() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LanguageModel(p=0.0).double()


def trained(network: nn.Module, rows: Tensor, lengths: list[int], **options: bool) -> None:
    with watch(network, PENALTIES, **options) as watched:
        watched.set_lengths(torch.tensor(lengths))
        out = network(rows)
        (0 * out.sum() + watched.penalty()).backward()  # DDP waits for all parameters


def rank_main(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        network = model()
        rows = ROWS.split([3, 2])[rank]
        trained(DistributedDataParallel(network), rows, LENGTHS[rank], across_ranks=True)
        if rank == 0:
            torch.save([p.grad for p in network.parameters()], f"{folder}/gradients.pt")
        dist.barrier()
    finally:
        dist.destroy_process_group()


@pytest.mark.skipif(not dist.is_available(), reason="this build of PyTorch has no distributed")
def test_gradients_over_two_ranks_equal_those_of_one_process(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(rank_main, args=(str(tmp_path),), nprocs=2)
    network = model()
    trained(network, ROWS, [*LENGTHS[0], *LENGTHS[1]])
    expected = [p.grad for p in network.parameters()]
    found = torch.load(tmp_path / "gradients.pt", weights_only=True)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)
    assert any(g is not None and g.abs().max() > 0.01 for g in expected)


def test_without_a_process_group_it_says_what_is_missing() -> None:
    network = model()
    with watch(network, PENALTIES, across_ranks=True) as watched:
        network(ROWS)
        with pytest.raises(RuntimeError, match="init_process_group first"):
            watched.penalty()
