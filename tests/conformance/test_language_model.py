"""Language model: same weights, same two windows, same logits, states, losses and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from steadfit.data.lm_stream import LMBatch
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.training.objective import LanguageModelObjective, StepResult
from steadfit.training.penalty_terms import Penalties
from tests.conformance.peer import (
    DTYPES,
    EXACTLY,
    GRADIENTS,
    OUTPUTS,
    Answer,
    AskPeer,
    difference,
    fastai_config,
    for_fastai,
    language_model_name,
    make_weights_matter,
)

WORDS, WINDOWS, BATCH = 200, 2, 3
SMALL = {"emb_sz": 9, "n_hid": 14}
CASES = [
    ("float64", SMALL, 11, EXACTLY, EXACTLY),
    (
        "float64",
        {**SMALL, "n_layers": 1, "tie_weights": False, "out_bias": False},
        5,
        EXACTLY,
        EXACTLY,
    ),
    ("float32", {}, 70, OUTPUTS, GRADIENTS),  # fastai's own sizes: 400, 1152, 3 layers
]


def build(dtype: str, sizes: dict[str, object], drop_mult: float = 0.0) -> LanguageModel:
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, WORDS, drop_mult, sizes)
    model = LanguageModel(config)
    make_weights_matter(model)
    return model.to(DTYPES[dtype]).train()


def windows(time: int) -> tuple[Tensor, Tensor]:
    stream = torch.randint(0, WORDS, (BATCH, WINDOWS * time + 1))
    cut = [stream[:, i * time : (i + 1) * time + 1] for i in range(WINDOWS)]
    return torch.stack([w[:, :-1] for w in cut]), torch.stack([w[:, 1:] for w in cut])


def ask(
    ask_fastai: AskPeer, model: LanguageModel, inputs: Tensor, targets: Tensor, **settings: object
) -> Answer:
    arrays = for_fastai(model, language_model_name) | {"inputs": inputs, "targets": targets}
    dtype = str(model.decoder.weight.dtype).removeprefix("torch.")
    config = fastai_config(model.config, "language model")
    return ask_fastai("language_model", arrays, words=WORDS, config=config, dtype=dtype, **settings)


@pytest.mark.parametrize(("dtype", "sizes", "time", "outputs", "gradients"), CASES)
def test_logits_states_and_gradients_over_two_windows_are_fastais(
    ask_fastai: AskPeer,
    dtype: str,
    sizes: dict[str, object],
    time: int,
    outputs: float,
    gradients: float,
    measured: dict[str, float],
) -> None:
    model = build(dtype, sizes)
    inputs, targets = windows(time)
    fastais = ask(ask_fastai, model, inputs, targets).arrays
    objective = LanguageModelObjective(model, Penalties(alpha=0.0, beta=0.0))
    found: dict[str, Tensor] = {}
    state = None
    for number in range(WINDOWS):
        batch = LMBatch(inputs[number], targets[number])
        before = state
        step = objective(batch, before, objective.sizes(batch))
        step.total.backward()
        state = step.state
        found[f"loss.{number}"] = step.loss.to(DTYPES[dtype])
        out = model(inputs[number], before)
        found[f"logits.{number}"] = model.logits(out.dropped)
        found[f"hidden.{number}"] = out.hidden
        for layer, (h, c) in enumerate(state):
            found[f"h.{number}.{layer}"], found[f"c.{number}.{layer}"] = h, c
    compare(f"language model, {dtype}", found, fastais, outputs, measured)
    compare_gradients(f"language model, {dtype}", model, fastais, gradients, measured)


def test_the_objective_with_ar_and_tar_has_fastais_gradients(
    ask_fastai: AskPeer, measured: dict[str, float]
) -> None:
    model = build("float64", SMALL)
    inputs, targets = windows(7)
    fastais = ask(ask_fastai, model, inputs, targets, alpha=2.0, beta=1.0).arrays
    objective = LanguageModelObjective(model, Penalties(alpha=2.0, beta=1.0))
    state = None
    for number in range(WINDOWS):
        batch = LMBatch(inputs[number], targets[number])
        step: StepResult = objective(batch, state, objective.sizes(batch))
        step.total.backward()
        state = step.state
        # fastai reports the loss with its penalties; they are single precision there.
        assert step.total.item() == pytest.approx(fastais[f"loss.{number}"].item(), rel=1e-6)
    compare_gradients("AR and TAR", model, fastais, OUTPUTS, measured)


def test_a_fresh_model_has_as_many_weights_as_fastais(ask_fastai: AskPeer) -> None:
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 100)
    with torch.device("meta"):
        model = LanguageModel(config)
    answer = ask_fastai(
        "parameter_counts", words=100, config=fastai_config(config, "language model")
    )
    assert sum(p.numel() for p in model.parameters()) == answer.values["all"] == 20_313_380
    assert sum(p.numel() for p in model.encoder.rnns.parameters()) == answer.values["recurrent"]
    assert answer.values["defaults"] == fastai_config(config, "language model")


def compare(
    what: str,
    found: dict[str, Tensor],
    fastais: dict[str, Tensor],
    tolerance: float,
    measured: dict[str, float],
) -> None:
    assert found.keys() == {name for name in fastais if not name.startswith("gradient.")}
    differences = {name: difference(found[name], fastais[name]) for name in found}
    measured[f"{what}: outputs"] = max(differences.values())
    assert max(differences.values()) <= tolerance, differences


def compare_gradients(
    what: str,
    model: LanguageModel,
    fastais: dict[str, Tensor],
    tolerance: float,
    measured: dict[str, float],
) -> None:
    differences = {}
    for name, parameter in model.named_parameters():
        peers = fastais[f"gradient.{language_model_name(name)}"]
        assert parameter.grad is not None
        assert peers.abs().max() > 0
        differences[name] = difference(parameter.grad, peers)
    assert len(differences) == sum(name.startswith("gradient.") for name in fastais)
    measured[f"{what}: gradients"] = max(differences.values())
    assert max(differences.values()) <= tolerance, differences
