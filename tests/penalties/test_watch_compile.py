"""A compiled model is watched from its first run on, or the watch says why it is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from steadfit.penalties import NormStabilizer, watch
from tests.penalties.watched_models import LanguageModel, TanhRNN, all_three, by_loops, gradients


@pytest.fixture(autouse=True)
def fresh():
    torch.compiler.reset()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        yield
    torch.compiler.reset()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_model_that_first_runs_inside_counts_like_its_original(backend: str) -> None:
    model = nn.Sequential(TanhRNN()).double()
    compiled = torch.compile(model, backend=backend)
    x = torch.randn(2, 3, 2, dtype=torch.float64)
    with watch(compiled, {"0": all_three()}, batch_first=True) as watched:
        for _ in range(2):
            out, _ = compiled(x)
            penalty = watched.penalty()
            torch.testing.assert_close(penalty, by_loops(out))
        expected = gradients(by_loops(model(x)[0]), model)
        watched.forget()
        torch.testing.assert_close(gradients(penalty, model), expected)


def test_a_model_that_ran_before_is_refused_until_it_compiles_again() -> None:
    model = nn.Sequential(TanhRNN())
    compiled = torch.compile(model, backend="eager")
    x = torch.randn(2, 3, 2)
    compiled(x)
    with watch(compiled, {"0": all_three()}, batch_first=True) as watched:
        compiled(x)
        with pytest.raises(RuntimeError, match=r"first time inside.*torch.compiler.reset"):
            watched.penalty()
        torch.compiler.reset()
        compiled(x)
        watched.penalty()


def test_after_the_block_it_runs_as_before_and_counts_nothing() -> None:
    model = nn.Sequential(TanhRNN())
    compiled = torch.compile(model, backend="eager")
    x = torch.randn(2, 3, 2)
    with watch(compiled, {"0": all_three()}, batch_first=True) as watched:
        compiled(x)
        watched.penalty()
        watched.norms()
    torch.testing.assert_close(compiled(x), model(x))
    assert watched.norms() == {}


def test_an_lstm_in_a_compiled_model_shows_its_cells() -> None:
    model = LanguageModel(p=0.0).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64)
    cells = {"rnns.1": [NormStabilizer(2.0, on="cell")]}
    with watch(model, cells) as watched:
        model(x)
        expected = watched.penalty().item()
    model.rnns[1] = torch.compile(model.rnns[1], backend="eager")
    with watch(model, cells) as watched:
        model(x)
        assert watched.penalty().item() == pytest.approx(expected)
