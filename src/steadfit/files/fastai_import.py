"""Models of fastai turned into model folders, once and for all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.fastai_weights import direction_of, read_fastai
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.tensors import file_digest


def import_fastai(
    weights: str | Path,
    vocab: str | Path,
    out: str | Path,
    backwards: bool = False,
    overwrite: bool = False,
) -> SavedModel:
    """Write a model folder from what fastai 1 or 2 saved, without unpickling either file.

    The folder is a language model where the weights have a decoder, an encoder otherwise. Its card
    and configuration name both files with their SHA-256, under `source`.

    Args:
        weights: the `.pth` file, see `read_fastai`.
        vocab: the `.pkl` file, the list `itos`.
        out: the folder to write.
        backwards: whether the model reads texts from their end; `bwd` in the name of `weights`
            says so too.
        overwrite: replace a model folder that stands at `out`.

    Returns:
        What was written, in evaluation mode.

    Raises:
        DataError: the name of `weights` has `fwd` in it and `backwards` is set; or a weight is not
            finite.
        FileFormatError: the files are not what `read_fastai` reads or do not fit each other; or
            something stands at `out` that is not to be replaced.
    """
    weights, vocab, out = Path(weights), Path(vocab), Path(out)
    if out.exists() and not overwrite:
        raise FileFormatError(
            f"{out} exists and is not replaced. Choose another name, or ask for it by "
            "overwrite=True (--overwrite), which replaces model folders and nothing else."
        )
    named = direction_of(weights)
    if backwards and named is False:
        raise DataError(
            f"{weights.name} is named as a model that reads forwards, and backwards is asked for. "
            "Leave that out; or rename the file if it reads from the end of texts after all."
        )
    saved = read_fastai(weights, vocab, backwards if named is None else named)
    source = {
        "saved by": "fastai",
        "weights": weights.name,
        "weights_sha256": file_digest(weights),
        "vocabulary": vocab.name,
        "vocabulary_sha256": file_digest(vocab),
    }
    saved = replace(saved, details={"source": source})
    save_model(out, saved)
    return saved
