"""Language models and encoders of fastai, read from `.pth` and `.pkl` by an allow-list."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.model_folder import SavedModel
from steadfit.files.plain_pickle import read_plain_pickle
from steadfit.files.tensors import check_weights, fill
from steadfit.files.torch_archive import StoredTensor, read_torch_archive
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab

MOST_VOCABULARY_BYTES = 1 << 27
_FAKE = "xxfake"  # fills fastai's vocabularies up to a multiple of eight
_LAYER = re.compile(
    r"rnns\.(\d{1,3})\.(?:(weight_hh_l0)_raw|module\.(weight_ih_l0|bias_ih_l0|bias_hh_l0))"
)
_OF_A_LAYER = ("weight_hh_l0", "weight_ih_l0", "bias_ih_l0", "bias_hh_l0")
_OF_A_CLASSIFIER = re.compile(r"(0\.module\.|1\.layers\.).*")
# The weights as they were dropped last, and the embedding under its second name.
_COPIES = re.compile(r"rnns\.\d{1,3}\.module\.weight_hh_l0|encoder_dp\.emb\.weight")


def read_fastai_folder(folder: str | Path, backwards: bool = False) -> SavedModel:
    """Read a folder with one `.pth` and one `.pkl`, as fastai's archives are unpacked.

    A name with `fwd` or `bwd` in it says in which direction the model reads; for any other the
    caller says it.

    Raises:
        FileFormatError: as `read_fastai`, or when there are none or several of these files.
    """
    weights, words = sorted(Path(folder).glob("*.pth")), sorted(Path(folder).glob("*.pkl"))
    if len(weights) != 1 or len(words) != 1:
        raise FileFormatError(
            f"{folder} holds {len(weights)} .pth and {len(words)} .pkl files; one of each is a "
            "model of fastai. Put them into a folder of their own."
        )
    named = direction_of(weights[0])
    return read_fastai(weights[0], words[0], backwards if named is None else named)


def direction_of(weights: Path) -> bool | None:
    """Return whether a file's name says that its model reads backwards; None if it says nothing."""
    for part, backwards in (("fwd", False), ("bwd", True)):
        if part in weights.stem:
            return backwards
    return None


def is_fastai_folder(folder: str | Path) -> bool:
    """Tell whether a folder holds a model of fastai and none of ours."""
    path = Path(folder)
    return not (path / "config.json").exists() and any(path.glob("*.pth"))


def read_fastai(weights: str | Path, words: str | Path, backwards: bool = False) -> SavedModel:
    """Read what fastai 1 or 2 saved: a language model, or an encoder of `save_encoder`.

    Neither file is unpickled. What they may name is the little that a state dict and a list of
    strings need; whatever else is refused by its name, and no memory is taken beyond what the
    files hold. Sizes are those of the tensors, and an optimizer's state is not looked at. Words
    keep their rows by their text: our markers come first, `xxfake` is left out, and a marker that
    fastai's vocabulary lacks gets the mean of all rows.

    Args:
        weights: the `.pth` file: a state dict, or `{"model": ..., "opt": ...}`.
        words: the `.pkl` file: the list `itos`.
        backwards: whether the model reads texts from their end; the files do not say it.

    Returns:
        A model in evaluation mode, with fastai's dropouts.

    Raises:
        FileFormatError: the files are not that, are damaged or do not fit each other.
    """
    path = Path(weights)
    itos = _read_words(Path(words))
    tensors = _renamed(_state_dict(path), path)
    vocab, rows = _vocabulary(itos, Path(words))
    config = _config(tensors, len(itos), path)
    has_decoder = "decoder.bias" in tensors or "decoder.weight" in tensors
    tensors = {
        name: _picked(tensor, rows) if name in _BY_WORD else tensor
        for name, tensor in tensors.items()
        if not (config.tie_weights and name == "decoder.weight")
    }
    if not has_decoder:
        tensors = {name.removeprefix("encoder."): tensor for name, tensor in tensors.items()}
    config = config.with_vocab_size(len(vocab))
    kind = LanguageModel if has_decoder else AWDLSTM
    with torch.device("meta"):
        check_weights(kind(config), tensors, path)
    model = kind(config, torch.Generator())
    fill(model, tensors)
    return SavedModel(model.eval(), Tokenizer(vocab), backwards=backwards)


_BY_WORD = {"encoder.embedding.weight", "decoder.weight", "decoder.bias"}


def _read_words(path: Path) -> list[str]:
    try:
        if not path.is_file() or path.stat().st_size > MOST_VOCABULARY_BYTES:
            raise FileFormatError(f"{path} is not there, or too large for a vocabulary.")
        # Held whole: of a file Python would take as much memory as a length in it says.
        itos = read_plain_pickle(io.BytesIO(path.read_bytes()), str(path))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error}).") from error
    if type(itos) is not list or not itos or not all(type(word) is str for word in itos):
        raise FileFormatError(f"{path} is not a list of words, as fastai's itos is.")
    return itos


def _vocabulary(itos: list[str], path: Path) -> tuple[Vocab, Tensor]:
    """Return our vocabulary, and for each of its words the row of fastai's, or -1."""
    place: dict[str, int] = {}
    for row, word in enumerate(itos):
        if word in place and word != _FAKE:
            raise FileFormatError(f"{path} holds the word {word[:100]!r} twice.")
        place[word] = row
    if missing := [marker for marker in MARKERS[:3] if marker not in place]:
        raise FileFormatError(
            f"{path} has no {', '.join(missing)}: it is not a vocabulary of fastai's words."
        )
    if 2 * sum(word.startswith("\u2581") for word in place) > len(place):
        raise FileFormatError(
            f"{path} holds pieces of words, as SentencePiece cuts them: the model that cuts texts "
            "is not in these files. A vocabulary of whole words is accepted."
        )
    place.pop(_FAKE, None)
    markers = set(MARKERS)
    vocab = Vocab([*MARKERS, *(word for word in place if word not in markers)])
    return vocab, torch.tensor([place.get(word, -1) for word in vocab.itos])


def _picked(tensor: Tensor, rows: Tensor) -> Tensor:
    picked = tensor[rows.clamp(min=0)]
    picked[rows < 0] = tensor.mean(dim=0)
    return picked


def _state_dict(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise FileFormatError(f"There is no weights file {path}.")
    found = read_torch_archive(path)
    model = found["model"] if found.keys() <= {"model", "opt"} and "model" in found else found
    if type(model) is not dict or not all(
        type(name) is str and isinstance(value, StoredTensor) for name, value in model.items()
    ):
        raise FileFormatError(f"{path} holds something else than the tensors of a model.")
    return model


def _renamed(state: Mapping[str, StoredTensor], path: Path) -> dict[str, Tensor]:
    """Return the tensors under the names of our language model, in float32."""
    is_language_model = any(name.startswith("0.") for name in state)
    renamed: dict[str, Tensor] = {}
    strange = []
    for name, stored in state.items():
        plain = name.removeprefix("0.") if is_language_model else name
        layer = _LAYER.fullmatch(plain)
        if _COPIES.fullmatch(plain):
            continue
        if layer is not None:
            ours = f"encoder.rnns.{int(layer[1])}.{layer[2] or layer[3]}"
        elif plain == "encoder.weight":
            ours = "encoder.embedding.weight"
        elif is_language_model and name in ("1.decoder.weight", "1.decoder.bias"):
            ours = name.removeprefix("1.")
        else:
            strange.append(name)
            continue
        if ours in renamed:
            raise FileFormatError(f"{path} holds {name!r} twice.")
        tensor = stored.load()
        if not tensor.is_floating_point():
            raise FileFormatError(f"{path}: {name} holds {tensor.dtype}; weights are floats.")
        renamed[ours] = tensor.float()
    if any(_OF_A_CLASSIFIER.fullmatch(name) for name in strange):
        raise FileFormatError(
            f"{path} is a classifier of fastai, whose head is not that of any model here. Its "
            "encoder can be had: call learn.save_encoder there, and give that file."
        )
    if strange:
        shown = ", ".join(name[:60] for name in strange[:5])
        raise FileFormatError(
            f"{path} holds {shown}: it is not a language model or an encoder of fastai's AWD_LSTM."
        )
    if "encoder.embedding.weight" not in renamed:
        raise FileFormatError(f"{path} holds no embedding: it is no model of fastai's.")
    return renamed


def _config(tensors: Mapping[str, Tensor], words: int, path: Path) -> AWDLSTMConfig:
    """Tell the sizes from the shapes; `check_weights` then compares all of them."""
    embedding = tensors["encoder.embedding.weight"]
    layers = {name.split(".")[2] for name in tensors if name.startswith("encoder.rnns.")}
    lacking = [
        f"{part} of rnns.{layer}"
        for layer in range(len(layers))
        for part in _OF_A_LAYER
        if f"encoder.rnns.{layer}.{part}" not in tensors
    ]
    if lacking:
        raise FileFormatError(f"{path} lacks the {', '.join(lacking[:3])}: it is not whole.")
    first = tensors.get("encoder.rnns.0.weight_hh_l0")
    if embedding.ndim != 2 or first is None or first.ndim != 2:
        raise FileFormatError(f"{path} holds no LSTM or an embedding of another shape.")
    for name in _BY_WORD & tensors.keys():
        if tensors[name].ndim == 0 or len(tensors[name]) != words:
            raise FileFormatError(
                f"{path}: {name} has the shape {tuple(tensors[name].shape)}, but the vocabulary "
                f"has {words} words. Take the two files from the same place."
            )
    decoder = tensors.get("decoder.weight")
    sizes = {
        "emb_sz": embedding.shape[1],
        "n_hid": first.shape[1],
        "n_layers": len(layers),
        "tie_weights": decoder is None or torch.equal(decoder, embedding),
        "out_bias": decoder is None or "decoder.bias" in tensors,
    }
    try:
        return AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, words, overrides=sizes)
    except DataError as error:
        raise FileFormatError(f"{path} has impossible sizes: {error}") from error
