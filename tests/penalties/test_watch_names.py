"""Patterns find the modules that are meant, however a model is wrapped."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from steadfit.penalties import NormStabilizer, watch
from steadfit.penalties.selection import select
from tests.penalties.watched_models import LanguageModel, TanhRNN, WeightDropout


def chosen(model: nn.Module, pattern: str) -> list[str]:
    return list(select(model, pattern))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("rnns.1", ["rnns.1"]),
        ("rnns.*", ["rnns.0", "rnns.1"]),
        ("rnns.[0]", ["rnns.0"]),
        ("*dropout", ["output_dropout"]),
        ("*rnn*", ["rnns.0", "rnns.1"]),  # the list `rnns` itself is never called
    ],
)
def test_globs_on_qualified_names(pattern: str, names: list[str]) -> None:
    assert chosen(LanguageModel(), pattern) == names


@pytest.mark.parametrize("prefix", ["module", "_orig_mod", "module._orig_mod", "_orig_mod.module"])
def test_what_wrappers_put_before_names_is_taken_off(prefix: str) -> None:
    model: nn.Module = LanguageModel()
    for name in reversed(prefix.split(".")):
        model = nn.Sequential(OrderedDict({name: model}))
    assert chosen(model, "rnns.1") == ["rnns.1"]
    assert chosen(model, "rnns.*") == ["rnns.0", "rnns.1"]
    assert chosen(model, f"{prefix}.rnns.1") == ["rnns.1"]


def test_a_part_that_is_compiled_alone_keeps_its_name() -> None:
    model = LanguageModel()
    model.rnns[1] = torch.compile(model.rnns[1], backend="eager")
    assert chosen(model, "rnns.1") == ["rnns.1"]
    assert chosen(model, "rnns.*") == ["rnns.0", "rnns.1"]


def test_a_name_that_two_modules_would_share_stays_whole() -> None:
    inner = nn.Sequential(OrderedDict(rnn=nn.GRU(1, 1)))
    model = nn.Sequential(OrderedDict(module=inner, rnn=nn.GRU(1, 1)))
    assert select(model, "rnn")["rnn"] is model.rnn
    assert select(model, "module.rnn") == {"module.rnn": inner.rnn}
    assert chosen(model, "*rnn") == ["module.rnn", "rnn"]


def test_both_ways_of_naming_a_wrapped_lstm_are_taken() -> None:
    model = nn.Sequential(OrderedDict(rnns=nn.ModuleList([WeightDropout(nn.LSTM(2, 3))])))
    assert chosen(model, "rnns.0") == ["rnns.0"]
    assert chosen(model, "rnns.0.module") == ["rnns.0.module"]
    assert chosen(model, "rnns.*") == ["rnns.0"]
    assert chosen(model, "*.module") == ["rnns.0.module"]


def test_a_module_with_two_names_is_one() -> None:
    rnn = nn.GRU(1, 1)
    model = nn.Sequential(OrderedDict(a=rnn, b=rnn))
    assert chosen(model, "[ab]") == ["a"]
    assert chosen(model, "b") == ["a"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("encoder", "matches no module.*'rnns.0', 'rnns.1'"),
        ("enc*", "matches no module.*'rnns.0', 'rnns.1'"),
        ("rnns.0.1", "LSTM that runs its 1 layer.*top one only"),
        ("rnns", r"ModuleList, which is never called; give 'rnns\.\*'"),
    ],
)
def test_what_a_pattern_cannot_mean_is_refused(pattern: str, message: str) -> None:
    with (
        pytest.raises(ValueError, match=message),
        watch(LanguageModel(), {pattern: [NormStabilizer(1.0)]}),
    ):
        pass


def test_a_model_without_recurrent_modules_says_so() -> None:
    with pytest.raises(ValueError, match="are: none"):
        select(nn.Linear(1, 1), "rnn")
    with pytest.raises(ValueError, match=r"are: '' .the model itself"):
        select(nn.GRU(1, 1), "rnn")
    with pytest.raises(ValueError, match="are: '0'"):
        select(nn.Sequential(TanhRNN()), "rnn")


@pytest.mark.parametrize("wanted", [[], [2.0], None])
def test_what_is_no_list_of_penalties_is_refused(wanted: object) -> None:
    with (
        pytest.raises(ValueError, match="give a list of penalties"),
        watch(
            LanguageModel(),
            {"rnns.1": wanted},  # type: ignore[dict-item]
        ),
    ):
        pass


def test_one_penalty_need_not_be_in_a_list_but_is_given_once() -> None:
    model = LanguageModel()
    with watch(model, {"rnns.1": NormStabilizer(1.0)}) as watched:  # type: ignore[dict-item]
        model(torch.randn(2, 3, 2))
        watched.penalty()
        assert set(watched.terms()) == {"rnns.1/norm"}
    twice = {"rnns.1": [NormStabilizer(1.0)], "rnns.*": [NormStabilizer(2.0)]}
    with (
        pytest.raises(ValueError, match=r"'rnns.1' has the penalties norm, norm"),
        watch(model, twice),
    ):
        pass
    with pytest.raises(ValueError, match="nothing to do"), watch(model, {}):
        pass
