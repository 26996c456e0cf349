"""Classifying texts by an ONNX graph, in ONNX Runtime, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import several_texts, whole_number
from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.onnx_format import ADVICE, GRAPH, TOKENIZER, library, read_onnx_config
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import PAD

SHORTEST_WINDOW, LONGEST_WINDOW = 32, 512  # change memory and padding, not what is computed
Array = NDArray[Any]


class OnnxReader:
    """Gives the probabilities of texts; safe to share between threads.

    `classes` are the columns of what it gives. Use `OnnxReader.load`.
    """

    def __init__(self, session: Any, tokenizer: Tokenizer, config: dict[str, Any]) -> None:
        self.classes = tuple(config["classes"])
        self.backwards = bool(config["backwards"])
        self.tokenizer = tokenizer
        self._session = session
        self._multi_label = bool(config["multi_label"])
        # In int8 ONNX Runtime scales a layer's inputs by the largest of the whole window, padding
        # too: a text would depend on its batch.
        self._alone = config["numbers"] == "int8"
        self._outputs = [one.name for one in session.get_outputs()]

    @classmethod
    def load(cls, folder: str | Path, threads: int = 0) -> OnnxReader:
        """Read a folder that `steadfit export --onnx` wrote.

        Args:
            folder: its path.
            threads: how many ONNX Runtime computes in; 0 is its own choice.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            FileFormatError: the folder is missing, incomplete, altered or of a newer format.
            DataError: `threads` is no whole number from 0 on.
        """
        whole_number("threads", threads, 0)
        runtime = library("onnxruntime")
        folder = Path(folder)
        config = read_onnx_config(folder)
        tokenizer = Tokenizer.load(folder / TOKENIZER)
        if tokenizer.fingerprint != config["tokenizer_fingerprint"]:
            raise FileFormatError(f"{folder / TOKENIZER} is not this graph's tokenizer. {ADVICE}")
        try:
            graph = (folder / GRAPH).read_bytes()
        except OSError as error:
            raise FileFormatError(
                f"{folder / GRAPH} cannot be read ({error.strerror}). {ADVICE}"
            ) from error
        if hashlib.sha256(graph).hexdigest() != config["graph_sha256"]:
            raise FileFormatError(f"{folder / GRAPH} was altered. {ADVICE}")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return cls(session, tokenizer, config)

    def probabilities(self, texts: Iterable[str], batch_size: int = 48) -> Array:
        """Return `(texts, classes)` in float64, in the order of `texts`.

        A text may be of any length, and empty; what is held beside its tokens does not grow with
        it. Texts are read in batches in float32, and one by one in int8.

        Raises:
            DataError: `texts` is one string, an item is none, or `batch_size` is below one.
        """
        whole_number("batch_size", batch_size, 1)
        documents = (self._ids(text) for text in several_texts(texts))
        rows = 1 if self._alone else batch_size
        found = [self._logits(batch) for batch in _batches(documents, rows)]
        logits = np.concatenate(found) if found else np.zeros((0, len(self.classes)))
        return _sigmoid(logits) if self._multi_label else _softmax(logits)

    def _ids(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise DataError(f"A text is {text!r} ({type(text).__name__}); give a string.")
        ids = self.tokenizer.encode(text)
        return ids[::-1] if self.backwards else ids

    def _logits(self, documents: Sequence[Sequence[int]]) -> Array:
        """Return `(documents, classes)` in float64."""
        order = sorted(range(len(documents)), key=lambda i: -len(documents[i]))
        ordered = [documents[i] for i in order]
        carried = self._start(len(ordered))
        logits = np.zeros((len(ordered), len(self.classes)))
        start = 0
        while left := [len(one) - start for one in ordered if len(one) > start]:
            rows = len(left)  # the longest come first, so those that go on are the first ones
            # To where a quarter have ended, so that little padding is read behind them.
            steps = min(max(left[rows * 3 // 4], SHORTEST_WINDOW), LONGEST_WINDOW, left[0])
            tokens = np.full((rows, steps), PAD, np.int64)
            for row, document in zip(tokens, ordered, strict=False):
                part = document[start : start + steps]
                row[: len(part)] = part
            lengths = np.minimum(left, steps).astype(np.int32)
            given = {name: value[:rows] for name, value in carried.items()}
            made = self._session.run(None, {"tokens": tokens, "lengths": lengths, **given})
            found = dict(zip(self._outputs, made, strict=True))
            logits[:rows] = found.pop("logits")
            carried = {name.removeprefix("next_"): value for name, value in found.items()}
            start += steps
        unsorted = np.empty_like(logits)
        unsorted[order] = logits
        return unsorted

    def _start(self, rows: int) -> dict[str, Array]:
        """Return what documents begin with."""
        found: dict[str, Array] = {}
        for one in self._session.get_inputs():
            if one.name not in ("tokens", "lengths"):
                type = np.int64 if one.type == "tensor(int64)" else np.float32
                fill = -np.inf if one.name == "largest" else 0
                found[one.name] = np.full((rows, *one.shape[1:]), fill, type)
        return found


def _batches(documents: Iterator[list[int]], rows: int) -> Iterator[list[list[int]]]:
    while batch := list(islice(documents, rows)):
        yield batch


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sigmoid(logits: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # which does not overflow
