from __future__ import annotations

import pytest

from steadfit.core.errors import DataError
from steadfit.models.config import (
    CLASSIFIER_DEFAULTS,
    LANGUAGE_MODEL_DEFAULTS,
    AWDLSTMConfig,
)


def test_defaults_are_fastai_current_ones() -> None:
    shape = {
        "emb_sz": 400, "n_hid": 1152, "n_layers": 3, "pad_token": 1,
        "tie_weights": True, "out_bias": True,
    }  # fmt: skip
    assert shape | {
        "output_p": 0.1, "hidden_p": 0.15, "input_p": 0.25, "embed_p": 0.02, "weight_p": 0.2,
    } == LANGUAGE_MODEL_DEFAULTS  # fmt: skip
    assert shape | {
        "output_p": 0.4, "hidden_p": 0.3, "input_p": 0.4, "embed_p": 0.05, "weight_p": 0.5,
    } == CLASSIFIER_DEFAULTS  # fmt: skip


def test_overrides_change_only_the_keys_given() -> None:
    plain = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 50).to_dict()
    other = AWDLSTMConfig.from_defaults(
        LANGUAGE_MODEL_DEFAULTS, 50, overrides={"n_hid": 30, "embed_p": 0.3}
    ).to_dict()
    assert other == plain | {"n_hid": 30, "embed_p": 0.3}
    assert LANGUAGE_MODEL_DEFAULTS["n_hid"] == 1152


def test_an_unknown_key_is_named_together_with_the_accepted_ones() -> None:
    with pytest.raises(DataError, match=r"n_hidden.*accepted.*n_hid"):
        AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 50, overrides={"n_hidden": 3})


def test_drop_mult_scales_every_dropout_and_nothing_else() -> None:
    got = AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, 50, drop_mult=0.5, overrides={"input_p": 0.8}
    ).to_dict()
    assert got == pytest.approx(
        CLASSIFIER_DEFAULTS
        | {"vocab_size": 50}
        | {"output_p": 0.2, "hidden_p": 0.15, "input_p": 0.4, "embed_p": 0.025, "weight_p": 0.25}
    )


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ({"n_hid": "30"}, "n_hid"),
        ({"n_hid": 30.0}, "n_hid"),
        ({"n_layers": True}, "n_layers"),
        ({"emb_sz": 0}, "emb_sz"),
        ({"n_hid": -5}, "n_hid"),
        ({"n_hid": 2**40}, "n_hid"),
        ({"embed_p": "0.1"}, "embed_p"),
        ({"embed_p": 1.0}, "embed_p"),
        ({"embed_p": float("nan")}, "embed_p"),
        ({"pad_token": 50}, "pad_token"),
        ({"pad_token": -1}, "pad_token"),
        ({"tie_weights": "no"}, "tie_weights"),
    ],
)
def test_impossible_values_are_refused_by_name(overrides: dict[str, object], name: str) -> None:
    with pytest.raises(DataError, match=name):
        AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 50, overrides=overrides)


def test_a_multiplier_that_leaves_the_range_is_refused() -> None:
    with pytest.raises(DataError, match="drop_mult"):
        AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 50, drop_mult=2.5)


def test_dict_and_back_is_the_same_and_a_missing_key_is_named() -> None:
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 50, 0.3)
    values = config.to_dict()
    assert AWDLSTMConfig.from_dict(values | {"later": 1}) == config
    del values["n_hid"]
    with pytest.raises(DataError, match="lacks n_hid"):
        AWDLSTMConfig.from_dict(values)
