"""Under checkpointing a call counts once, with the gradients it has without."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from steadfit.penalties import NormStabilizer, watch
from tests.penalties.watched_models import LanguageModel, all_three, gradients


def penalised(
    model: nn.Module, saves_memory: bool, parts: list[Tensor]
) -> tuple[float, list[Tensor]]:
    """The penalty of all calls with other lengths each, and the gradients of loss and penalty."""
    torch.manual_seed(3)
    patterns = {"rnns.*": [*all_three(), NormStabilizer(3.0, on="cell")], "output*": all_three()}
    with watch(model, patterns) as watched:
        loss = torch.zeros((), dtype=torch.float64)
        for number, x in enumerate(parts):
            watched.set_lengths(torch.tensor([4 - number, 1 + number]))
            if saves_memory:
                loss = (
                    loss + checkpoint(model, x, use_reentrant=False, preserve_rng_state=True).sum()
                )
            else:
                loss = loss + model(x).sum()
        penalty = watched.penalty()
        found = gradients(loss + penalty, model)
        with pytest.raises(RuntimeError, match="not called"):
            watched.penalty()  # what the backward pass computed again is no call
        return penalty.item(), found


def test_gradients_are_those_without_checkpointing_whatever_lengths_are_set_by_then() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LanguageModel(p=0.5).double()
        parts = [torch.randn(2, 4, 2, dtype=torch.float64) for _ in range(2)]
        value, expected = penalised(model, False, parts)
        saving_value, saving = penalised(model, True, parts)
    assert saving_value == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(saving, expected)


def test_norms_are_counted_once() -> None:
    model = nn.GRU(2, 3, batch_first=True)
    with watch(model, {"": all_three()}) as watched:
        out, _ = checkpoint(model, torch.randn(1, 4, 2), use_reentrant=False)
        watched.penalty().backward()
        first, _ = checkpoint(model, torch.randn(1, 4, 2), use_reentrant=False)
    expected = (out.detach().norm(dim=2) + first.detach().norm(dim=2)).squeeze(0) / 2
    torch.testing.assert_close(watched.norms()[""], expected)


def test_the_reentrant_kind_is_refused() -> None:
    model = LanguageModel()
    x = torch.randn(2, 4, 2, requires_grad=True)
    with watch(model, {"rnns.1": all_three()}) as watched:
        checkpoint(model, x, use_reentrant=True)
        with pytest.raises(RuntimeError, match="use_reentrant=False"):
            watched.penalty()
