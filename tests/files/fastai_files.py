"""State dicts and vocabularies as fastai has them."""

from __future__ import annotations

import torch

from steadfit.text.vocab import MARKERS

EMB, HID = 4, 6
V2_MARKERS = ["xxunk", "xxpad", "xxbos", "xxeos", "xxfld", "xxrep", "xxwrep", "xxup", "xxmaj"]
V1_ITOS = [*MARKERS, "the", "film", ",", "good", "xxfake", "xxfake", "xxfake"]
V2_ITOS = [*V2_MARKERS, "film", "the", ",", "good", "xxfake", "xxfake", "xxfake"]
Words = list[str]


def encoder_state(words: int, prefix: str = "", v1: bool = True) -> dict[str, torch.Tensor]:
    """Return what fastai's state dict of an AWD_LSTM holds, names and shapes."""
    torch.manual_seed(1)
    embedding = torch.randn(words, EMB)
    state = {"encoder.weight": embedding, "encoder_dp.emb.weight": embedding}
    for i, (n_in, n_out) in enumerate([(EMB, HID), (HID, HID), (HID, EMB)]):
        state[f"rnns.{i}.weight_hh_l0_raw"] = torch.randn(4 * n_out, n_out)
        state[f"rnns.{i}.module.weight_ih_l0"] = torch.randn(4 * n_out, n_in)
        if v1:  # as it was dropped last
            state[f"rnns.{i}.module.weight_hh_l0"] = torch.zeros(4 * n_out, n_out)
        state[f"rnns.{i}.module.bias_ih_l0"] = torch.randn(4 * n_out)
        state[f"rnns.{i}.module.bias_hh_l0"] = torch.randn(4 * n_out)
    return {prefix + name: tensor for name, tensor in state.items()}


def language_model_state(words: int, v1: bool = True) -> dict[str, torch.Tensor]:
    state = encoder_state(words, "0.", v1)
    return {
        **state,
        "1.decoder.weight": state["0.encoder.weight"],
        "1.decoder.bias": torch.arange(float(words)),
    }
