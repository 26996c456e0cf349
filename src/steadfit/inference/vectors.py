"""Documents as vectors: what a classifier's head reads of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from steadfit.core.checks import several_texts
from steadfit.core.errors import DataError
from steadfit.files.model_folder import SavedModel
from steadfit.inference.engines import Engine
from steadfit.inference.modes import require_evaluation_mode
from steadfit.inference.predictor import read_documents
from steadfit.models.classifier import TextClassifier


def document_vectors(
    saved: SavedModel, texts: Iterable[str], engine: str = "auto", batch_size: int = 48
) -> NDArray[np.float32]:
    """Return `(texts, 3 * units)`: the last, largest and mean output over a text's tokens.

    Howard & Ruder (2018), section 3.3. A text has the same vector alone and among others.

    Args:
        saved: a classifier.
        texts: of any length.
        engine: see `steadfit.inference.engines.Engine`.
        batch_size: documents read together.

    Raises:
        DataError: another model than a classifier, or one in training mode; an engine that cannot
            run here; `texts` is one string, or an item is none.
    """
    if not isinstance(saved.model, TextClassifier):
        raise DataError(f"A {saved.kind} gives no vectors of documents; give a classifier.")
    require_evaluation_mode(saved.model)
    encoded = (saved.tokenizer.encode(text) for text in several_texts(texts))
    documents = (ids[::-1] for ids in encoded) if saved.backwards else encoded
    ready = Engine(saved.model, engine)
    parts = list(read_documents(ready, documents, TextClassifier.vectors, batch_size))
    units = 3 * saved.model.encoder.units
    rows = torch.cat(parts) if parts else torch.zeros(0, units)
    return rows.float().numpy()
