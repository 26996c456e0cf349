"""Weights of one vocabulary carried into a model of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.fastai_weights import is_fastai_folder, read_fastai_folder
from steadfit.files.model_folder import SavedModel, load_model
from steadfit.files.pretrained import pretrained_folder
from steadfit.models.config import AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import tokenizer_kind
from steadfit.text.vocab import Vocab

_SIZES = ("emb_sz", "n_hid", "n_layers")


class Pretrained(NamedTuple):
    """A model that was read, to start others from."""

    saved: SavedModel
    place: str | Path  # what the caller named

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes that a model must have to start from this one, as keys of `config`."""
        return {name: getattr(self.saved.model.config, name) for name in _SIZES}

    @property
    def decoder(self) -> dict[str, Any]:
        """How its decoder is made, as keys of `config`."""
        config = self.saved.model.config
        return {"tie_weights": config.tie_weights, "out_bias": config.out_bias}


def read_pretrained(source: str | Path, backwards: bool = False) -> Pretrained:
    """Read a model to start from.

    Args:
        source: a model folder of ours, one of fastai (see `read_fastai_folder`), or the name of
            an installed model (see `pretrained_folder`). "wt103-fwd" and "wt103-bwd" are fetched
            the first time that they are named, and nothing else is.
        backwards: whether what starts from it will read texts from their end.

    Raises:
        FileFormatError: see `load_model`, `read_fastai_folder` and `pretrained_folder`.
    """
    folder = pretrained_folder(source, backwards)
    if is_fastai_folder(folder):
        return Pretrained(read_fastai_folder(folder, backwards), source)
    return Pretrained(load_model(folder), source)


def match_rows(rows: Tensor, old: Vocab, new: Vocab) -> Tensor:
    """Return `rows` (one a word of `old`) rearranged for the words of `new`.

    A word that `old` does not have gets the mean of all rows (Howard & Ruder, 2018; fastai).

    Args:
        rows: `(old words, ...)`.

    Returns:
        `(new words, ...)`.
    """
    known = torch.tensor([old.stoi.get(token, -1) for token in new.itos], device=rows.device)
    matched = rows[known.clamp(min=0)]
    matched[known < 0] = rows.mean(dim=0)
    return matched


@torch.no_grad()
def load_encoder(
    encoder: AWDLSTM, vocab: Vocab, source: str | Path | Pretrained, backwards: bool = False
) -> SavedModel:
    """Fill an encoder from a saved encoder or language model, matching words by their text.

    Args:
        encoder: of any vocabulary.
        vocab: that of the encoder.
        source: what `read_pretrained` reads, or has read.
        backwards: whether the encoder will read texts from their end.

    Returns:
        What was read.

    Raises:
        FileFormatError: it was saved by a classifier, reads in the other direction, or has other
            sizes; the message names them and the encoder stays as it was.
    """
    pretrained = _read(source, backwards)
    _fill_encoder(encoder, vocab, pretrained, backwards)
    return pretrained.saved


@torch.no_grad()
def load_language_model(
    model: LanguageModel, vocab: Vocab, source: str | Path | Pretrained, backwards: bool = False
) -> None:
    """Fill a language model, decoder included, from a saved one; arguments as `load_encoder`.

    Raises:
        FileFormatError: as `load_encoder`; where there is no decoder, or where weights of its own
            or its bias have no place in the model. The model stays as it was.
    """
    pretrained = _read(source, backwards)
    saved = pretrained.saved
    if not isinstance(saved.model, LanguageModel):
        raise FileFormatError(
            f"{pretrained.place} holds a model of kind {saved.kind}, without a decoder; a "
            "pretrained language model is needed here: give the folder that its export or save "
            "wrote."
        )
    _check_decoder(pretrained, model.config)
    _fill_encoder(model.encoder, vocab, pretrained, backwards)
    old, decoder = saved.tokenizer.vocab, saved.model.decoder
    if not model.config.tie_weights:
        model.decoder.weight.copy_(match_rows(decoder.weight, old, vocab))
    if model.decoder.bias is not None and decoder.bias is not None:
        model.decoder.bias.copy_(match_rows(decoder.bias, old, vocab))


def _read(source: str | Path | Pretrained, backwards: bool) -> Pretrained:
    return source if isinstance(source, Pretrained) else read_pretrained(source, backwards)


def _fill_encoder(encoder: AWDLSTM, vocab: Vocab, pretrained: Pretrained, backwards: bool) -> None:
    saved = pretrained.saved
    source = saved.model.encoder if isinstance(saved.model, LanguageModel) else saved.model
    if not isinstance(source, AWDLSTM):
        raise FileFormatError(
            f"{pretrained.place} holds a {saved.kind}; load_encoder reads what save_encoder or a "
            "language model's save or export wrote."
        )
    if encoder.config.vocab_size != len(vocab):
        raise DataError(
            f"The encoder has {encoder.config.vocab_size} words, the vocabulary {len(vocab)}; "
            "build the encoder for this vocabulary."
        )
    _check_fit(pretrained, encoder, backwards)
    theirs, ours = (tokenizer_kind(None, one) for one in (saved.tokenizer.vocab, vocab))
    if theirs != ours:
        raise FileFormatError(
            f"{pretrained.place} was trained on {theirs}, this data holds {ours}, and hardly one "
            "is among the others; build the data with the vocabulary of the saved model."
        )
    weights = source.state_dict()
    rows = match_rows(weights["embedding.weight"], saved.tokenizer.vocab, vocab)
    encoder.load_state_dict({**weights, "embedding.weight": rows})


def _check_fit(pretrained: Pretrained, encoder: AWDLSTM, backwards: bool) -> None:
    saved, place = pretrained
    if saved.backwards != backwards:
        direction = {False: "forwards", True: "backwards"}
        raise FileFormatError(
            f"{place} reads texts {direction[saved.backwards]}, this model "
            f"{direction[backwards]}. Use an encoder of the same direction, or set backwards= in "
            "databunch."
        )
    differences = [
        f"{name} is {size} there and {getattr(encoder.config, name)} here"
        for name, size in pretrained.sizes.items()
        if size != getattr(encoder.config, name)
    ]
    if differences:
        raise FileFormatError(
            f"The encoder in {place} has other sizes: {'; '.join(differences)}. With pretrained= "
            "leave the sizes out of config=, they come with the model; for load_encoder build "
            "both learners with the same sizes."
        )


def _check_decoder(pretrained: Pretrained, config: AWDLSTMConfig) -> None:
    """Raise where a saved decoder holds weights that a model of this configuration has not."""
    theirs, lost = pretrained.saved.model.config, []
    if config.tie_weights and not theirs.tie_weights:
        lost.append("tie_weights is False there and True here")
    if theirs.out_bias and not config.out_bias:
        lost.append("out_bias is True there and False here")
    if lost:
        raise FileFormatError(
            f"The decoder in {pretrained.place} has weights that this model has no room for: "
            f"{'; '.join(lost)}. With pretrained= leave these out of config=, they come "
            "with the model; to take the encoder alone there is load_encoder."
        )
