"""The numbers that describe an AWD-LSTM, with fastai's current defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any

from steadfit.core.checks import number
from steadfit.core.errors import DataError

LARGEST_SIZE = 2**24  # no model is near; the number of weights still fits an int64

_SHAPE: dict[str, Any] = {
    "emb_sz": 400,
    "n_hid": 1152,
    "n_layers": 3,
    "pad_token": 1,
    "tie_weights": True,
    "out_bias": True,
}

# fastai since 11 March 2019 (commit 4a979c72) and fastai 2; before that other values held.
LANGUAGE_MODEL_DEFAULTS: dict[str, Any] = {
    **_SHAPE,
    "output_p": 0.1,
    "hidden_p": 0.15,
    "input_p": 0.25,
    "embed_p": 0.02,
    "weight_p": 0.2,
}
CLASSIFIER_DEFAULTS: dict[str, Any] = {
    **_SHAPE,
    "output_p": 0.4,
    "hidden_p": 0.3,
    "input_p": 0.4,
    "embed_p": 0.05,
    "weight_p": 0.5,
}


@dataclass(frozen=True)
class AWDLSTMConfig:
    """Sizes and dropout probabilities of an AWD-LSTM (Merity et al., 2017, section 4).

    `output_p` drops what the decoder or the classifier's head reads, `hidden_p` the outputs
    between layers, `input_p` the embedded input, `embed_p` whole words of the embedding,
    `weight_p` single hidden-to-hidden weights.
    """

    vocab_size: int
    emb_sz: int
    n_hid: int
    n_layers: int
    pad_token: int
    output_p: float
    hidden_p: float
    input_p: float
    embed_p: float
    weight_p: float
    tie_weights: bool = True
    out_bias: bool = True

    @classmethod
    def from_defaults(
        cls,
        defaults: Mapping[str, Any],
        vocab_size: int,
        drop_mult: float = 1.0,
        overrides: Mapping[str, Any] | None = None,
    ) -> AWDLSTMConfig:
        """Take `defaults`, replace the keys given in `overrides`, scale every dropout.

        Raises:
            DataError: a key that does not exist, a value of another type, a size below one, a
                probability outside [0, 1).
        """
        number("drop_mult", drop_mult)
        unknown = sorted(set(overrides or {}) - set(defaults))
        if unknown:
            raise DataError(
                f"config has the unknown keys {', '.join(unknown)}; "
                f"accepted are {', '.join(sorted(defaults))}."
            )
        config = cls(vocab_size=vocab_size, **{**defaults, **(overrides or {})})
        config._check_types()
        dropouts = [name for name in asdict(config) if name.endswith("_p")]
        config = replace(config, **{name: getattr(config, name) * drop_mult for name in dropouts})
        config._check_ranges()
        return config

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AWDLSTMConfig:
        """Rebuild a configuration from `to_dict`.

        Raises:
            DataError: a key is missing, a value is of another type or out of its range.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in values]
        if missing:
            raise DataError(f"The configuration lacks {', '.join(missing)}.")
        config = cls(**{name: values[name] for name in names})
        config._check_types()
        config._check_ranges()
        return config

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values."""
        return asdict(self)

    def with_vocab_size(self, vocab_size: int) -> AWDLSTMConfig:
        """Return the same configuration for another number of words."""
        return replace(self, vocab_size=vocab_size)

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """Input and output size of each LSTM layer; the last returns to the embedding's size."""
        sizes = [self.emb_sz] + [self.n_hid] * (self.n_layers - 1) + [self.emb_sz]
        return list(pairwise(sizes))

    def _check_types(self) -> None:
        for name, value in asdict(self).items():
            if name in ("tie_weights", "out_bias"):
                fits, wanted = isinstance(value, bool), "True or False"
            elif name.endswith("_p"):
                fits, wanted = _is_number(value, (int, float)), "a number"
            else:
                fits, wanted = _is_number(value, (int,)), "a whole number"
            if not fits:
                raise DataError(f"{name} is {value!r}; it must be {wanted}.")

    def _check_ranges(self) -> None:
        for name in ("vocab_size", "emb_sz", "n_hid", "n_layers"):
            value = getattr(self, name)
            if not 1 <= value <= LARGEST_SIZE:
                raise DataError(f"{name} is {value}; accepted are 1 to {LARGEST_SIZE:,}.")
        if not 0 <= self.pad_token < self.vocab_size:
            raise DataError(
                f"pad_token is {self.pad_token}; it must be the number of one of the "
                f"{self.vocab_size} words."
            )
        for name, value in asdict(self).items():
            if name.endswith("_p") and not 0 <= value < 1:
                raise DataError(
                    f"{name} is {value:g} (after drop_mult); a dropout probability lies in "
                    "[0, 1). Lower drop_mult or set it in config."
                )


def _is_number(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)
