"""A document's vector is what the head of the network reads of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.files.model_folder import SavedModel
from steadfit.inference.vectors import document_vectors
from steadfit.models.classifier import TextClassifier
from steadfit.text.tokenizer import Tokenizer

TEXTS = ["the film was good", "bad", "", "a plot and a plot and it was good . i"]


@pytest.fixture
def saved(classifier: TextClassifier, tokenizer: Tokenizer) -> SavedModel:
    return SavedModel(classifier, tokenizer, ("a", "b", "c"), False)


@pytest.mark.parametrize("backwards", [False, True])
def test_vectors_are_what_the_head_is_given_whatever_the_texts_come_in(
    saved: SavedModel, backwards: bool
) -> None:
    given: list[torch.Tensor] = []
    saved = replace(saved, backwards=backwards)
    assert isinstance(saved.model, TextClassifier)
    watch = saved.model.head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    for text in TEXTS:
        ids = saved.tokenizer.encode(text)[:: -1 if backwards else 1]
        with torch.no_grad():
            saved.model(torch.tensor([ids]), torch.tensor([len(ids)]))
    watch.remove()
    found = document_vectors(saved, (text for text in TEXTS), "float32")
    np.testing.assert_allclose(found, torch.cat(given).numpy(), atol=1e-5)
    assert document_vectors(saved, []).shape == (0, found.shape[1])


def test_a_model_in_training_mode_is_refused_and_left_so(saved: SavedModel) -> None:
    saved.model.train()
    with pytest.raises(DataError, match=r"training mode.*model\.eval\(\)"):
        document_vectors(saved, TEXTS)
    assert saved.model.training


@pytest.mark.parametrize("texts", ["one text", None, 3, ["a", None], [b"x"]])
def test_what_is_no_list_of_texts_is_refused(saved: SavedModel, texts: object) -> None:
    with pytest.raises(DataError, match=r"give a list of texts|[Tt]ext"):
        document_vectors(saved, texts)  # type: ignore[arg-type]
