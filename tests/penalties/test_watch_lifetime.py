"""A watch leaves nothing behind, keeps no graph, and says so where it cannot work."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from steadfit.penalties import (
    NormStabilizer,
    TemporalActivationRegularization,
    watch,
)
from steadfit.penalties.modules import Penalty
from tests.penalties.watched_models import LanguageModel, all_three, by_loops


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        yield


def on_cells() -> Sequence[Penalty]:
    return [NormStabilizer(2.0, on="cell"), TemporalActivationRegularization(1.0)]


def assert_untouched(model: nn.Module) -> None:
    assert not any(module._forward_hooks for module in model.modules())
    assert not any("forward" in vars(module) for module in model.modules())


def test_hooks_are_gone_after_the_block_and_after_an_exception_in_it() -> None:
    model = LanguageModel()
    with watch(model, {"rnns.*": on_cells()}) as watched:
        assert any(module._forward_hooks for module in model.modules())
    assert_untouched(model)
    with pytest.raises(RuntimeError, match="the watch is not open"):
        watched.penalty()
    with pytest.raises(KeyError, match="mine"), watch(model, {"rnns.*": on_cells()}):
        raise KeyError("mine")
    assert_untouched(model)


def test_a_watch_that_cannot_begin_takes_off_what_it_put_on() -> None:
    model = nn.Sequential(nn.LSTM(2, 3, batch_first=True), nn.GRU(3, 3, batch_first=True))
    with pytest.raises(ValueError, match=r'on="cell".*GRU'), watch(model, {"[01]": on_cells()}):
        pass
    assert_untouched(model)


def test_a_watch_is_entered_once() -> None:
    context = watch(nn.GRU(2, 3), {"": all_three()})
    with pytest.raises(RuntimeError, match="inside the `with` block"):
        context.penalty()
    with context, pytest.raises(RuntimeError, match="entered once"), context:
        pass
    with pytest.raises(RuntimeError, match="call watch again"), context:
        pass


@pytest.mark.parametrize("penalties", [all_three(), on_cells()], ids=["hidden", "cell"])
def test_neither_model_nor_outputs_outlive_their_users(penalties: Sequence[Penalty]) -> None:
    model = nn.LSTM(2, 3, batch_first=True)
    with watch(model, {"": penalties}) as watched:
        out, _ = model(torch.randn(2, 3, 2))
        unused = weakref.ref(out)
        del out
    gc.collect()
    assert unused() is None
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert watched.norms()[""].shape == (3,)  # what was read can still be asked for


class Token:
    """Lives as long as the part of the graph that it hangs on."""

    def __call__(self, *gradients: object) -> None:
        pass


def graph_token(h: Tensor) -> weakref.ref[Token]:
    assert h.grad_fn is not None
    token = Token()
    h.grad_fn.register_hook(token)
    return weakref.ref(token)


def test_a_penalty_keeps_nothing_of_its_calls() -> None:
    model = nn.LSTM(2, 3, batch_first=True)
    penalties = [*all_three(), NormStabilizer(1.0, on="cell")]
    gc.collect()
    gc.disable()  # references in a circle would live until it runs
    try:
        with watch(model, {"": penalties}) as watched:
            for drop in (lambda: watched.penalty().backward(), watched.forget):
                out, _ = model(torch.randn(2, 3, 2))
                graph = graph_token(out)
                del out
                assert graph() is not None
                drop()
                assert graph() is None
    finally:
        gc.enable()


def test_a_long_evaluation_keeps_one_number_a_step() -> None:
    model = nn.GRU(2, 3, batch_first=True).eval()
    with watch(model, {"": all_three()}) as watched, torch.no_grad():
        counts = []
        for calls in (2, 30):
            for _ in range(calls):
                model(torch.randn(2, 4, 2))
            gc.collect()
            counts.append(sum(type(one) is Tensor for one in gc.get_objects()))
        assert counts[0] == counts[1]
        assert watched.norms()[""].shape == (4,)


def test_watches_inside_each_other_each_count_for_themselves() -> None:
    model = nn.LSTM(2, 3, batch_first=True).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64)
    cells = [NormStabilizer(2.0, on="cell")]
    with watch(model, {"": cells}) as alone:
        model(x)
        expected = alone.penalty()
    with watch(model, {"": cells}) as outer:
        with watch(model, {"": [*cells, *all_three()]}) as inner:
            out, _ = model(x)
            torch.testing.assert_close(inner.penalty(), expected + by_loops(out))
        torch.testing.assert_close(outer.penalty(), expected)
        model(x)
        torch.testing.assert_close(outer.penalty(), expected)
    assert_untouched(model)


def test_a_forward_that_somebody_replaced_within_the_block_is_noticed() -> None:
    model = nn.LSTM(2, 3, batch_first=True)
    original = model.forward
    with watch(model, {"": on_cells()}) as watched:
        model.forward = original  # type: ignore[method-assign]
        model(torch.randn(2, 3, 2))
        with pytest.raises(RuntimeError, match="forward was replaced"):
            watched.penalty()
    replaced = nn.LSTM(2, 3)
    replaced.forward = original  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="replaced already"), watch(replaced, {"": on_cells()}):
        pass


def test_a_copy_of_a_watched_model_counts_nothing_and_runs_its_own_weights() -> None:
    model = nn.LSTM(2, 3, batch_first=True).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64)
    with watch(model, {"": on_cells()}) as watched:
        other = copy.deepcopy(model)
        with torch.no_grad():
            for p in other.parameters():
                p.mul_(0.5)
        plain = nn.LSTM(2, 3, batch_first=True).double()
        plain.load_state_dict(other.state_dict())
        torch.testing.assert_close(other(x)[0], plain(x)[0])
        with pytest.raises(RuntimeError, match="not called"):
            watched.penalty()
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None  # the copy's hooks do not keep it
    torch.testing.assert_close(other(x)[0], plain(x)[0])
    with watch(other, {"": on_cells()}) as watched, watch(plain, {"": on_cells()}) as expected:
        other(x), plain(x)
        torch.testing.assert_close(watched.penalty(), expected.penalty())


@pytest.mark.parametrize("penalties", [all_three(), on_cells()], ids=["hidden", "cell"])
def test_a_model_may_be_saved_and_copied_while_it_is_watched(
    penalties: Sequence[Penalty],
) -> None:
    model = nn.Sequential(nn.LSTM(2, 3, batch_first=True))
    x = torch.randn(2, 4, 2)
    with watch(model, {"0": penalties}) as watched:
        copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        wanted, _ = model(x)
        watched.penalty()
        for one in copies:
            torch.testing.assert_close(one(x)[0], wanted)
        with pytest.raises(RuntimeError, match="was not called"):  # theirs are none of its calls
            watched.penalty()
    for one in copies:
        torch.testing.assert_close(pickle.loads(pickle.dumps(one))(x)[0], wanted)
    assert_untouched(model)
