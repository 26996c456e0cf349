"""Model folders made of what fastai 1 and 2 save."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from steadfit.core.errors import DataError, FileFormatError, SteadfitError
from steadfit.files.fastai_import import import_fastai
from steadfit.files.fastai_weights import read_fastai
from steadfit.files.model_folder import SavedModel, load_model, save_model
from steadfit.models.language_model import LanguageModel
from tests.files.fastai_files import (
    V1_ITOS,
    V2_ITOS,
    encoder_state,
    language_model_state,
)

Write = Callable[..., tuple[Path, Path]]
State = dict[str, Any]


def without_bias(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if name != "1.decoder.bias"}


def untied(state: State) -> State:
    return {**state, "1.decoder.weight": state["1.decoder.weight"].flip(1)}


# ---- layouts -------------------------------------------------------------------------------


@pytest.mark.parametrize(("itos", "v1"), [(V1_ITOS, True), (V2_ITOS, False)])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("change", [dict, without_bias, untied, lambda s: without_bias(untied(s))])
def test_a_language_model_is_read_back_as_fastai_had_it(
    itos: list[str],
    v1: bool,
    wrapped: bool,
    change: Callable[[State], State],
    write: Write,
    tmp_path: Path,
) -> None:
    state = change(language_model_state(16, v1))
    files = write({"model": state, "opt": {"state": {}}} if wrapped else state, itos)
    made = import_fastai(*files, tmp_path / "out")
    found = load_model(tmp_path / "out", "language-model")
    model, words = found.model, found.tokenizer.vocab
    assert isinstance(model, LanguageModel)
    assert model.config.tie_weights == torch.equal(
        state["1.decoder.weight"], state["0.encoder.weight"]
    )
    rows = [itos.index(word) for word in words.itos]
    assert torch.equal(model.encoder.embedding.weight, state["0.encoder.weight"][rows])
    assert torch.equal(model.decoder.weight, state["1.decoder.weight"][rows])
    if "1.decoder.bias" in state:
        assert torch.equal(model.decoder.bias, state["1.decoder.bias"][rows])
    else:
        assert model.decoder.bias is None
    for name, tensor in made.model.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name


def test_an_encoder_is_read_back_as_an_encoder(write: Write, tmp_path: Path) -> None:
    state = encoder_state(16)
    assert import_fastai(*write(state), tmp_path / "out").kind == "encoder"
    found = load_model(tmp_path / "out", "encoder").model.state_dict()
    assert torch.equal(found["rnns.1.weight_hh_l0"], state["rnns.1.weight_hh_l0_raw"])


def test_weights_without_what_dropout_left_and_of_another_precision_are_read(
    write: Write,
) -> None:
    state = {name: tensor.half() for name, tensor in encoder_state(16, v1=False).items()}
    del state["encoder_dp.emb.weight"]
    read = read_fastai(*write(state)).model.state_dict()
    assert torch.equal(read["rnns.2.bias_hh_l0"], state["rnns.2.module.bias_hh_l0"].float())


def test_what_an_optimizer_of_fastai_2_keeps_is_passed_over(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    class L:
        """Fastcore's list, as it is pickled: by its name, made anew, then given its items."""

        def __init__(self, items: list[Any]) -> None:
            self.items = items

    module = ModuleType("fastcore.foundation")
    L.__module__, L.__qualname__ = module.__name__, "L"
    module.L = L  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fastcore", ModuleType("fastcore"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    rates = {"lr": np.float64(1e-3), "mom": np.float32(0.8), "wd": 0.01}
    state = language_model_state(16)
    optimizer = {"state": [{"step": 3, "grad_avg": torch.ones(2)}], "hypers": L([rates])}
    files = write({"model": state, "opt": optimizer})
    assert b"fastcore.foundation" in files[0].read_bytes()
    model = read_fastai(*files).model
    assert isinstance(model, LanguageModel)
    assert torch.equal(model.decoder.bias[9:], state["1.decoder.bias"][9:13])
    with pytest.raises(FileFormatError, match="something else than the tensors"):
        read_fastai(*write({**state, "note": np.float64(1)}))


# ---- what the folder says ------------------------------------------------------------------


def test_the_folder_says_where_it_came_from(write: Write, tmp_path: Path) -> None:
    weights, vocab = write(language_model_state(16))
    import_fastai(weights, vocab, tmp_path / "out")
    source = load_model(tmp_path / "out").details["source"]
    assert source["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert source["vocabulary_sha256"] == hashlib.sha256(vocab.read_bytes()).hexdigest()
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "fastai" in card
    assert weights.name in card
    assert str(tmp_path) not in card


def test_the_direction_is_that_of_the_name_or_of_the_call(write: Write, tmp_path: Path) -> None:
    weights, vocab = write(encoder_state(16))
    with pytest.raises(DataError, match="named as a model that reads forwards"):
        import_fastai(weights, vocab, tmp_path / "out", backwards=True)
    assert not (tmp_path / "out").exists()
    for name, backwards, expected in (
        ("lstm_bwd", False, True),
        ("mine", True, True),
        ("mine", False, False),
    ):
        weights = weights.rename(tmp_path / f"{name}.pth")
        import_fastai(weights, vocab, tmp_path / "out", backwards, overwrite=True)
        assert load_model(tmp_path / "out").backwards is expected


def test_nothing_is_replaced_but_model_folders_and_those_when_told_to(
    write: Write, make_saved: Callable[..., SavedModel], tmp_path: Path
) -> None:
    files = write(encoder_state(16))
    out = save_model(tmp_path / "out", replace(make_saved("encoder"), backwards=True))
    with pytest.raises(FileFormatError, match="is not replaced"):
        import_fastai(*files, out)
    assert load_model(out).backwards
    import_fastai(*files, out, overwrite=True)
    assert not load_model(out).backwards
    own = tmp_path / "own"
    own.mkdir()
    (own / "letter.txt").write_text("dear")
    with pytest.raises(FileFormatError, match="not a Steadfit model folder"):
        import_fastai(*files, own, overwrite=True)
    assert (own / "letter.txt").read_text() == "dear"


# ---- what does not fit ---------------------------------------------------------------------


def lacking(*names: str) -> State:
    return {name: tensor for name, tensor in encoder_state(16).items() if name not in names}


@pytest.mark.parametrize(
    ("state", "itos", "message"),
    [
        (lacking("rnns.0.weight_hh_l0_raw"), V1_ITOS, r"lacks the weight_hh_l0 of rnns\.0"),
        (lacking("rnns.2.module.bias_ih_l0"), V1_ITOS, r"lacks the bias_ih_l0 of rnns\.2"),
        (encoder_state(24), V1_ITOS, r"shape \(24, 4\), but the vocabulary has 16 words"),
        (
            {**language_model_state(16), "1.decoder.bias": torch.zeros(9)},
            V1_ITOS,
            r"decoder.bias has the shape \(9,\)",
        ),
        (
            {**encoder_state(16, "0.module."), "1.layers.0.0.weight": torch.zeros(2)},
            V1_ITOS,
            r"a classifier of fastai.*save_encoder",
        ),
        (
            {**encoder_state(16, "0.module."), "1.layers.1.weight": torch.zeros(2)},
            V1_ITOS,
            r"a classifier of fastai.*save_encoder",
        ),
        (encoder_state(16), [*V1_ITOS[:3], *(f"▁{n}" for n in range(13))], "pieces of words"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(
    state: State, itos: list[str], message: str, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(FileFormatError, match=message):
        import_fastai(*write(state, itos), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_finite_are_not_imported(write: Write, tmp_path: Path) -> None:
    state = encoder_state(16)
    state["rnns.0.module.bias_ih_l0"][0] = float("nan")
    with pytest.raises(DataError, match="not finite"):
        import_fastai(*write(state), tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("where", ["weights", "optimizer", "vocabulary"])
def test_files_that_would_run_code_are_refused_unrun(
    where: str, write: Write, tmp_path: Path
) -> None:
    trap = Trap(tmp_path / "sprung")
    state = {"model": encoder_state(16), "opt": {"state": [], "hypers": [trap]}}
    if where == "weights":
        files = write({**encoder_state(16), "x": trap})
    elif where == "optimizer":
        files = write(state)
    else:
        files = write(encoder_state(16), [*V1_ITOS, trap])
    with pytest.raises(SteadfitError, match="nothing in it was run"):
        import_fastai(*files, tmp_path / "out")
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "out").exists()
