"""Weights of one vocabulary carried into a model of another."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.fastai_weights import is_fastai_folder, read_fastai_folder
from steadfit.files.model_folder import SavedModel, load_model
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.vocab import Vocab


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
    encoder: AWDLSTM, vocab: Vocab, folder: str | Path, backwards: bool = False
) -> SavedModel:
    """Fill an encoder from a saved encoder or language model, matching words by their text.

    Args:
        encoder: of any vocabulary.
        vocab: that of the encoder.
        folder: a model folder of ours, or one of fastai (see `read_fastai_folder`).
        backwards: whether the encoder will read texts from their end.

    Returns:
        What was read.

    Raises:
        FileFormatError: it was saved by a classifier, reads in the other direction, or has other
            sizes; the message names them and the encoder stays as it was.
    """
    saved = _read(folder, backwards)
    _fill_encoder(encoder, vocab, saved, folder, backwards)
    return saved


@torch.no_grad()
def load_language_model(
    model: LanguageModel, vocab: Vocab, folder: str | Path, backwards: bool = False
) -> None:
    """Fill a language model, decoder included, from a saved one; arguments as `load_encoder`.

    Raises:
        FileFormatError: as `load_encoder`, and where the folder holds no decoder.
    """
    saved = _read(folder, backwards)
    if not isinstance(saved.model, LanguageModel):
        raise FileFormatError(
            f"{folder} holds a model of kind {saved.kind}, without a decoder; a pretrained "
            "language model is needed here: give the folder that its export or save wrote."
        )
    _fill_encoder(model.encoder, vocab, saved, folder, backwards)
    old, source = saved.tokenizer.vocab, saved.model.decoder
    if not model.config.tie_weights:
        model.decoder.weight.copy_(match_rows(source.weight, old, vocab))
    if model.decoder.bias is not None and source.bias is not None:
        model.decoder.bias.copy_(match_rows(source.bias, old, vocab))


def _read(folder: str | Path, backwards: bool) -> SavedModel:
    if is_fastai_folder(folder):
        return read_fastai_folder(folder, backwards)
    return load_model(folder)


def _fill_encoder(
    encoder: AWDLSTM, vocab: Vocab, saved: SavedModel, folder: str | Path, backwards: bool
) -> None:
    source = saved.model.encoder if isinstance(saved.model, LanguageModel) else saved.model
    if not isinstance(source, AWDLSTM):
        raise FileFormatError(
            f"{folder} holds a {saved.kind}; load_encoder reads what save_encoder or a language "
            "model's save or export wrote."
        )
    if encoder.config.vocab_size != len(vocab):
        raise DataError(
            f"The encoder has {encoder.config.vocab_size} words, the vocabulary {len(vocab)}; "
            "build the encoder for this vocabulary."
        )
    _check_fit(source, encoder, saved.backwards, backwards, folder)
    weights = source.state_dict()
    rows = match_rows(weights["embedding.weight"], saved.tokenizer.vocab, vocab)
    encoder.load_state_dict({**weights, "embedding.weight": rows})


def _check_fit(
    source: AWDLSTM, encoder: AWDLSTM, saved_backwards: bool, backwards: bool, folder: str | Path
) -> None:
    if saved_backwards != backwards:
        direction = {False: "forwards", True: "backwards"}
        raise FileFormatError(
            f"{folder} reads texts {direction[saved_backwards]}, this model "
            f"{direction[backwards]}. Use an encoder of the same direction, or set backwards= in "
            "databunch."
        )
    differences = [
        f"{name} is {getattr(source.config, name)} there and {getattr(encoder.config, name)} here"
        for name in ("emb_sz", "n_hid", "n_layers")
        if getattr(source.config, name) != getattr(encoder.config, name)
    ]
    if differences:
        raise FileFormatError(
            f"The encoder in {folder} has other sizes: {'; '.join(differences)}. Build both "
            "learners with the same sizes in config=."
        )
