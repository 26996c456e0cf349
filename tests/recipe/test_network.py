"""A classifier's network, phase by phase."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from steadfit.data.prepare import prepare_tokens
from steadfit.recipe.network import Reading, train_network
from steadfit.recipe.settings import ClassifierSettings
from steadfit.text.corpus import Corpus
from steadfit.training.events import Callback

SIZES = {"emb_sz": 6, "n_hid": 8, "n_layers": 2}


class Noted(Callback):
    """Notes for each phase the weights it begins with, and those after every step."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Tensor]] = []
        self.steps: list[list[dict[str, Tensor]]] = []

    def on_fit_begin(self, run: Any) -> None:
        self.begun.append(weights_of(run.model))
        self.steps.append([])

    def on_step_end(self, run: Any) -> None:
        self.steps[-1].append(weights_of(run.model))


def weights_of(model: Any) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def trained(average_weights: bool) -> tuple[dict[str, Tensor], Noted]:
    corpus = Corpus(["a fine film", "a dull film", "so fine", "so dull"] * 10, list("pnpn") * 10)
    store, vocab = prepare_tokens(corpus, classes=("n", "p"), min_freq=1)
    noted = Noted()
    how = ClassifierSettings(steps=12, average_weights=average_weights)
    reading = Reading(store, vocab, sizes=SIZES)
    return weights_of(train_network(reading, range(40), how, callbacks=[noted])), noted


def test_each_phase_ends_with_its_mean_where_weights_are_averaged() -> None:
    found, noted = trained(average_weights=True)
    ends = [*noted.begun[1:], found]
    assert len(ends) == 2
    for steps, end in zip(noted.steps, ends, strict=True):
        later = steps[len(steps) // 2 :]
        for name, value in end.items():
            mean = torch.stack([one[name].double() for one in later]).mean(dim=0)
            torch.testing.assert_close(value.double(), mean, rtol=1e-5, atol=1e-7, msg=name)


def test_else_a_phase_ends_with_the_weights_of_its_last_step() -> None:
    found, noted = trained(average_weights=False)
    for steps, end in zip(noted.steps, [*noted.begun[1:], found], strict=True):
        assert all(torch.equal(value, steps[-1][name]) for name, value in end.items())
