"""The recipes by name: their numbers, and that each of them reaches the fit."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from steadfit.training.recipes import AWD_LSTM_PTB, AWD_LSTM_WT2, LanguageModelRecipe

# Defaults of the authors' main.py and the commands of its README, by their names.
DEFAULTS = """--emsize 400 --nhid 1150 --nlayers 3 --lr 30 --clip 0.25 --batch_size 80 --bptt 70
    --dropout 0.4 --dropouth 0.3 --dropouti 0.65 --dropoute 0.1 --wdrop 0.5 --nonmono 5 --alpha 2
    --beta 1 --wdecay 1.2e-6"""
PTB = "--batch_size 20 --dropouti 0.4 --dropouth 0.25 --epochs 500"
WT2 = "--epochs 750 --dropouth 0.2"
NAMES = {
    "emsize": "emb_sz", "nhid": "n_hid", "nlayers": "n_layers", "lr": "lr", "clip": "clip",
    "batch_size": "bs", "bptt": "bptt", "dropout": "output_p", "dropouth": "hidden_p",
    "dropouti": "input_p", "dropoute": "embed_p", "wdrop": "weight_p", "nonmono": "nonmono",
    "alpha": "alpha", "beta": "beta", "wdecay": "wd", "epochs": "epochs",
}  # fmt: skip


@pytest.mark.parametrize(("recipe", "command"), [(AWD_LSTM_PTB, PTB), (AWD_LSTM_WT2, WT2)])
def test_the_numbers_are_those_of_the_authors_commands(
    recipe: LanguageModelRecipe, command: str
) -> None:
    words = shlex.split(f"{DEFAULTS} {command}")
    for name, value in dict(zip(words[::2], words[1::2], strict=True)).items():
        assert getattr(recipe, NAMES[name.removeprefix("--")]) == float(value), name
    assert (recipe.optimizer, recipe.bptt_jitter, recipe.val_bs) == ("nt-asgd", True, 10)


@pytest.mark.parametrize("recipe", [AWD_LSTM_PTB, AWD_LSTM_WT2])
def test_every_number_goes_somewhere(recipe: LanguageModelRecipe) -> None:
    given = {**recipe.data, **recipe.learner, **recipe.learner["config"], **recipe.fit}
    del given["config"]
    assert LanguageModelRecipe(**given) == recipe
    plan = recipe.plan(seed=3)
    for name in ("epochs", "lr", "clip", "wd", "optimizer", "nonmono"):
        assert getattr(plan, name) == getattr(recipe, name)
    assert (plan.schedule, plan.seed) == ("constant", 3)
    assert (recipe.penalties.alpha, recipe.penalties.beta) == (recipe.alpha, recipe.beta)


def test_a_changed_recipe_is_changed_everywhere() -> None:
    small = replace(AWD_LSTM_PTB, n_hid=8, lr=1.0)
    assert small.learner["config"]["n_hid"] == small.sizes["n_hid"] == 8
    assert small.fit["lr"] == small.plan().lr == 1.0
