"""An encoder whose weights were rounded to int8, for predicting."""

from __future__ import annotations

import copy

import torch
from torch import Generator, Tensor, nn

from steadfit.core.errors import DataError
from steadfit.kernels.choose import choice, native_problem
from steadfit.kernels.native_int8 import lstm_stack_int8, quantize_layer, quantize_words
from steadfit.models.classifier import TextClassifier
from steadfit.models.outputs import EncoderOutput, State
from steadfit.models.recurrent import AWDLSTM, layer_weights


class Int8Encoder(nn.Module):
    """Reads as the `AWDLSTM` it was made from, in a quarter of its memory; it cannot be trained.

    Weights are rounded to 255 steps for each gate of each unit, words likewise, hidden outputs to
    steps of 1 / 127. No step depends on what else stands in a batch, so a document's outputs are
    the same to the bit alone and in any batch. Cell states and outputs are float32.
    """

    def __init__(self, encoder: AWDLSTM) -> None:
        super().__init__()
        self.config = encoder.config
        self.units = encoder.units
        self._words = quantize_words(encoder.embedding.weight)
        self._layers = [
            quantize_layer(layer_weights(layer), first=i == 0)
            for i, layer in enumerate(encoder.rnns)
        ]

    def initial_state(self, batch: int) -> State:
        """Return zeros for `batch` rows: what a document starts from."""
        zeros = [self._words.scales.new_zeros(batch, layer.units) for layer in self._layers]
        return tuple((z, z) for z in zeros)

    def forward(
        self, tokens: Tensor, state: State | None = None, generator: Generator | None = None
    ) -> EncoderOutput:
        """Read one window of tokens; arguments as `AWDLSTM.forward`, nothing is dropped."""
        before = self.initial_state(len(tokens)) if state is None else state
        return EncoderOutput(*lstm_stack_int8(tokens, self._words, self._layers, before))


def in_int8(model: TextClassifier) -> TextClassifier:
    """Return a classifier with an `Int8Encoder`; `model` is as it was and shares the head.

    It cannot learn: call it inside `torch.no_grad()` or `torch.inference_mode()`.

    Raises:
        DataError: see `int8_problem`; or the model is not on the CPU, not in float32, or holds
            numbers that are not finite, which rounding would hide.
    """
    if problem := int8_problem():
        raise DataError(
            f"Predicting in int8 needs the native kernels, and {problem}. Accepted here are auto, "
            "float32 and bf16."
        )
    for name, weight in model.encoder.named_parameters():
        if weight.device.type != "cpu" or weight.dtype != torch.float32:
            raise DataError(
                f"int8 is for models in float32 on the CPU; encoder.{name} is {weight.dtype} on "
                f"{weight.device}. Take model.float().cpu(), or another engine."
            )
        if not weight.isfinite().all():
            raise DataError(
                f"encoder.{name} holds numbers that are not finite, which have no place in int8; "
                "take the weights from before they ran away."
            )
    twin = copy.copy(model)
    twin._modules = {**model._modules, "encoder": Int8Encoder(model.encoder).eval()}
    return twin


def int8_problem() -> str | None:
    """Return why nothing can be read in int8 here; None if it can.

    Raises:
        DataError: `STEADFIT_KERNELS` is no choice.
    """
    return "plain kernels were chosen" if choice() == "plain" else native_problem()
