"""Classifying texts with a trained model."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from steadfit.core.checks import a_path, number, several_texts, whole_number
from steadfit.core.errors import DataError
from steadfit.files.model_folder import load_model
from steadfit.inference.engines import Engine
from steadfit.inference.modes import require_evaluation_mode
from steadfit.models.classifier import READING_WINDOW, TextClassifier
from steadfit.text.file_texts import check_encoding, read_blocks
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import PAD

SORTED_TOGETHER = 50  # batches whose documents are sorted by length before they are cut
Read = Callable[[TextClassifier, Tensor, Tensor], Tensor]
TOKENS_TOGETHER = 1 << 20  # tokens from which on fewer documents are held, and read, at a time


class Prediction(NamedTuple):
    """A label, its number among the classes, and the probability of every class.

    Where a text may have several classes, the label is the most probable one; see
    `Predictor.predict_sets`.
    """

    label: str
    index: int  # type: ignore[assignment]  # the word of the field, not tuple's method
    probabilities: Tensor  # (classes,)


class Predictor:
    """Labels texts; safe to share between threads, since predicting changes nothing on it.

    Args:
        model: in evaluation mode; it is not changed.
        tokenizer: of the vocabulary the model was trained with.
        classes: names of the model's classes.
        backwards: whether the model reads texts from their end.
        engine: `auto`, `float32`, `bf16` or `int8`; see `steadfit.inference.engines.Engine`.

    Raises:
        DataError: as many names as classes were not given; or the model is in training mode, when
            a predictor is made or, later, when it is asked; or that engine cannot run here.
    """

    def __init__(
        self,
        model: TextClassifier,
        tokenizer: Tokenizer,
        classes: Sequence[str],
        backwards: bool = False,
        engine: str = "auto",
    ) -> None:
        if len(classes) != model.n_classes:
            raise DataError(
                f"The model scores {model.n_classes} classes, {len(classes)} names were given; "
                "give one for each."
            )
        require_evaluation_mode(model)
        self.engine = Engine(model, engine)
        self.model = model
        self.tokenizer = tokenizer
        self.classes = tuple(classes)
        self.backwards = backwards

    @classmethod
    def load(cls, folder: str | Path, engine: str = "auto") -> Predictor:
        """Read a classifier's model folder.

        Raises:
            FileFormatError: as `steadfit.files.model_folder.load_model`.
            DataError: that engine cannot run here.
        """
        saved = load_model(folder, kind="classifier")
        assert isinstance(saved.model, TextClassifier)
        return cls(saved.model, saved.tokenizer, saved.classes, saved.backwards, engine)

    def predict(self, text: str) -> Prediction:
        """Label one text, of any length; an empty one is classified too."""
        return self._prediction(self.probabilities([text])[0])

    def predict_file(self, path: str | Path, encoding: str = "utf-8") -> Prediction:
        """Label the text of a file, which may be larger than memory: it is read bit by bit.

        Raises:
            DataError: `path` is none, the file cannot be read or holds bytes that are not
                `encoding`; or the model was put into training mode.
        """
        place = a_path("path", path)
        check_encoding(encoding)
        require_evaluation_mode(self.model)
        ids: Iterable[Sequence[int]] = self.tokenizer.encode_blocks(read_blocks(place, encoding))
        if self.backwards:  # it begins with the last token, so all are held, two to four bytes each
            ids = [_reversed(ids)]
        with self.engine.reading() as model:
            logits = model.score_windows(_windows(ids, self.engine.device))
        return self._prediction(self.model.probabilities(logits)[0].cpu())

    def predict_many(self, texts: Iterable[str], batch_size: int = 48) -> list[Prediction]:
        """Label texts, in their order."""
        return [self._prediction(row) for row in self.probabilities(texts, batch_size)]

    def predict_sets(
        self, texts: Iterable[str], threshold: float = 0.5, batch_size: int = 48
    ) -> list[tuple[str, ...]]:
        """Return the classes of each text that are more probable than `threshold`; maybe none.

        Raises:
            DataError: the model is for one class a text, the threshold is not from 0 to 1, or as
                `probabilities`.
        """
        if not self.model.multi_label:
            raise DataError(
                "This model gives each text one class, so there are no sets; use predict_many."
            )
        if number("threshold", threshold) > 1:
            raise DataError(f"threshold is {threshold!r}; accepted is a number from 0 to 1.")
        return [
            tuple(name for name, over in zip(self.classes, row, strict=True) if over)
            for row in (self.probabilities(texts, batch_size) > threshold).tolist()
        ]

    def probabilities(self, texts: Iterable[str], batch_size: int = 48) -> Tensor:
        """Return `(texts, classes)`, in the order of `texts`.

        A row's sum is one, unless a text may have several classes: then each is of its own.

        Raises:
            DataError: `texts` is one string, an item is none, `batch_size` is below one, or the
                model was put into training mode.
        """
        require_evaluation_mode(self.model)
        documents = (self._ids(text) for text in several_texts(texts))
        parts = list(class_probabilities(self.engine, documents, batch_size))
        return torch.cat(parts) if parts else torch.zeros(0, len(self.classes))

    def _ids(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise DataError(f"A text is {text!r} ({type(text).__name__}); give a string.")
        ids = self.tokenizer.encode(text)
        return ids[::-1] if self.backwards else ids

    def _prediction(self, probabilities: Tensor) -> Prediction:
        index = int(probabilities.argmax())
        return Prediction(self.classes[index], index, probabilities)


def class_probabilities(
    engine: Engine, documents: Iterable[Sequence[int]], batch_size: int = 48
) -> Iterator[Tensor]:
    """Yield `(documents, classes)` pieces in the order of `documents`.

    A few batches of documents are held at a time and read in order of length, so that little is
    padded; fewer where documents are so long that memory would grow with them.

    Raises:
        DataError: a batch size below one.
    """
    yield from read_documents(engine, documents, _probabilities, batch_size)


def read_documents(
    engine: Engine, documents: Iterable[Sequence[int]], read: Read, batch_size: int = 48
) -> Iterator[Tensor]:
    """Yield `(documents, columns)` of whatever `read` makes of batches; see `class_probabilities`.

    Args:
        engine: a classifier made ready.
        documents: token ids of each.
        read: takes the model, tokens `(batch, time)` and lengths `(batch,)`, returns a row each.
        batch_size: documents of a batch at most.

    Raises:
        DataError: a batch size below one.
    """
    whole_number("batch_size", batch_size, 1)
    iterator = iter(documents)
    while part := _some(iterator, batch_size * SORTED_TOGETHER):
        order = sorted(range(len(part)), key=lambda i: len(part[i]))
        found = [
            _read_batch(engine, [part[i] for i in batch], read)
            for batch in _cut(order, [len(document) for document in part], batch_size)
        ]
        yield torch.cat(found)[torch.tensor(order).argsort()]


def _windows(parts: Iterable[Sequence[int]], device: torch.device) -> Iterator[Tensor]:
    """Join the parts of a document, and cut it into windows."""
    held: list[int] = []
    for part in parts:
        for start in range(0, len(part), READING_WINDOW):
            held += part[start : start + READING_WINDOW]
            if len(held) >= READING_WINDOW:
                yield torch.tensor(held[:READING_WINDOW], device=device)
                held = held[READING_WINDOW:]
    if held:
        yield torch.tensor(held, device=device)


def _reversed(parts: Iterable[Sequence[int]]) -> Sequence[int]:
    whole = array("I")
    for part in parts:
        whole.extend(part)
    whole.reverse()
    return whole


def _cut(order: Sequence[int], lengths: Sequence[int], batch_size: int) -> Iterator[Sequence[int]]:
    """Cut documents, the shortest first, into batches of `TOKENS_TOGETHER` at most, padding too."""
    start = 0
    while start < len(order):
        end = min(start + batch_size, len(order))
        # The last of a batch is the longest, and all are padded to it.
        while end - start > 1 and (end - start) * lengths[order[end - 1]] > TOKENS_TOGETHER:
            end -= 1
        yield order[start:end]
        start = end


def _some(documents: Iterator[Sequence[int]], most: int) -> list[Sequence[int]]:
    """Take documents: `most`, or until they have `TOKENS_TOGETHER` tokens."""
    taken: list[Sequence[int]] = []
    tokens = 0
    while tokens < TOKENS_TOGETHER and (one := list(islice(documents, min(1, most - len(taken))))):
        taken += one
        tokens += len(one[0])
    return taken


def _read_batch(engine: Engine, documents: Sequence[Sequence[int]], read: Read) -> Tensor:
    lengths = torch.tensor([len(document) for document in documents])
    tokens = torch.full((len(documents), int(lengths.max())), PAD)
    for row, document in enumerate(documents):
        tokens[row, : len(document)] = torch.tensor(document)
    with engine.reading() as model:
        return read(model, tokens.to(engine.device), lengths.to(engine.device)).cpu()


def _probabilities(model: TextClassifier, tokens: Tensor, lengths: Tensor) -> Tensor:
    return model.probabilities(model(tokens, lengths))
