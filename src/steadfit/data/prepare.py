"""Texts to a token store and its vocabulary, cached under a key of all they depend on."""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.atomic import atomic_folder, write_text
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.home import home
from steadfit.core.json_files import read_json
from steadfit.core.progress import progress
from steadfit.data.class_indices import check_classes, class_indices, written_labels
from steadfit.data.interning import Interning
from steadfit.data.label_sets import LabelSets
from steadfit.data.store_writer import VERSION, StoreWriter
from steadfit.data.token_store import TokenStore
from steadfit.text.compact import Gathered
from steadfit.text.corpus import TRAIN, Corpus
from steadfit.text.fields import FieldText
from steadfit.text.piece_training import check_size, train_pieces
from steadfit.text.pieces import vocab_from_dict
from steadfit.text.tokenizer import (
    RULES,
    SUBWORD_RULES,
    SUBWORDS,
    WORDS,
    Tokenizer,
    tokenizer_kind,
)
from steadfit.text.vocab import Vocab, check_limits
from steadfit.text.words import WordEncoder

_DIGEST_BYTES = 16
_FIELDS = b"\xff" * 8  # is no length
_ADVICE = "Delete the folder and prepare the texts again."


def prepare_tokens(
    corpus: Corpus,
    *,
    vocab: Vocab | None = None,
    max_vocab: int = 60000,
    min_freq: int = 3,
    classes: Sequence[str] | None = None,
    cache: str | Path | None = None,
    tokenizer: str | None = None,
    vocab_size: int = 8000,
) -> tuple[TokenStore, Vocab]:
    """Tokenize a corpus into a store on disk, or find the one made before.

    The vocabulary is counted over the documents of "train" alone (over all where there is no
    split), unless `vocab` is given. Texts are read twice, once for the key and once to be
    tokenized, and never held: memory grows with the number of documents alone, some numbers each.
    For subwords they are read once more, and `train_pieces` says how much of them it holds.

    Args:
        corpus: Texts, with labels (one each, or a set each) and split if there are any.
        vocab: Encode with this vocabulary instead of counting one.
        max_vocab: Size of the counted vocabulary at most, markers included.
        min_freq: How often a token must occur to enter it.
        classes: Label of each class index; the labels of the corpus, sorted, if not given.
        cache: Folder of the stores; `home() / "tokens"` if not given.
        tokenizer: "words" or "subwords"; what `vocab` is of where that is given, else "words".
        vocab_size: Size of a vocabulary of subwords at most; `max_vocab` and `min_freq` are for
            words.

    Returns:
        The store (its `meta["classes"]` names the classes) and its vocabulary.

    Raises:
        DataError: No documents, no document to count, a label outside `classes`, or texts that
            change while they are read.
    """
    check_limits(max_vocab, min_freq)
    check_size(vocab_size)
    if len(corpus) == 0:
        raise DataError("The corpus has no documents: there is nothing to tokenize.")
    if vocab is None and corpus.split is not None and TRAIN not in corpus.split:
        raise DataError(
            'No document belongs to "train", so there is nothing to count a vocabulary over. Give '
            "vocab=, or a split with training documents."
        )
    names, labels = class_indices(corpus, classes)
    texts_digest = _digest(progress(corpus.texts, "Reading texts", len(corpus)))
    kind = tokenizer_kind(tokenizer, vocab)
    counting = {"max_vocab": int(max_vocab), "min_freq": int(min_freq)}
    if kind == SUBWORDS:
        counting = {"vocab_size": int(vocab_size)}
    settings = {
        "store": VERSION,
        "rules": RULES if kind == WORDS else SUBWORD_RULES,
        "texts": texts_digest,
        "labels": None if corpus.labels is None else _digest(written_labels(corpus)),
        "classes": names,
        "split": None if corpus.split is None else _digest(corpus.split),
        "vocab": counting if vocab is None else vocab.fingerprint,
    }
    if corpus.multi_label:  # named only then, so that stores made before are still found
        settings["multi_label"] = True
    key = _digest([json.dumps(settings, sort_keys=True)])
    folder = (Path(cache) if cache is not None else home() / "tokens") / key
    if found := _find(folder, warn=True):
        return found
    try:
        with atomic_folder(folder) as fresh:
            meta = {"classes": names, "key": key}
            if vocab is None and kind == SUBWORDS:
                vocab = train_pieces(_learned_from(corpus), **counting)
            _build(fresh, corpus, vocab, counting, texts_digest, labels, meta)
            if _find(folder):
                raise _Overtaken
    except (OSError, _Overtaken):
        # Another process has put the same store in place: it may be in use, so it stays.
        if found := _settled(folder):
            return found
        raise
    return _settled(folder) or open_tokens(folder)


def open_tokens(folder: str | Path) -> tuple[TokenStore, Vocab]:
    """Open a store that `prepare_tokens` wrote, with its vocabulary.

    Raises:
        FileFormatError: Something is missing, damaged, or does not belong together.
    """
    store = TokenStore.open(folder)
    path = Path(folder) / "vocab.json"
    try:
        vocab = vocab_from_dict(read_json(path, _ADVICE))
    except DataError as error:
        raise FileFormatError(f"{path} holds no vocabulary. {error} {_ADVICE}") from error
    if len(vocab) != store.vocab_size or vocab.fingerprint != store.meta.get("vocab"):
        raise FileFormatError(f"{path} is not the vocabulary of this token store. {_ADVICE}")
    check_classes(store)
    return store, vocab


class _Overtaken(Exception):
    """Another process finished the same store first."""


def _find(folder: Path, warn: bool = False) -> tuple[TokenStore, Vocab] | None:
    if not folder.exists():
        return None
    try:
        return open_tokens(folder)
    except FileFormatError as error:
        if warn:
            warnings.warn(f"A damaged token store is built again: {error}", stacklevel=3)
        return None


def _settled(folder: Path) -> tuple[TokenStore, Vocab] | None:
    # Two who finish at the same instant replace each other's folder, and between the two renames
    # there is none; a moment later there is.
    for pause in (0.0, 0.01, 0.1, 0.5):
        time.sleep(pause)
        if found := _find(folder):
            return found
    return None


def _build(
    fresh: Path,
    corpus: Corpus,
    vocab: Vocab | None,
    counting: dict[str, int],
    texts_digest: str,
    labels: NDArray[np.int64] | LabelSets | None,
    meta: dict[str, Any],
) -> None:
    reading = blake2b(digest_size=_DIGEST_BYTES)
    texts = _watched(progress(corpus.texts, "Tokenizing", len(corpus)), reading)
    with (
        tempfile.TemporaryFile(dir=fresh) as provisional,
        tempfile.TemporaryFile(dir=fresh) as words,
    ):
        documents: Iterable[Sequence[int] | NDArray[Any]]
        if vocab is None:
            interning = Interning(words)
            lengths = _tokenize(texts, _counted(corpus), provisional, interning)
            vocab = interning.counted(**counting)
            documents = _remapped(provisional, lengths, interning, vocab)
        else:
            documents = map(Tokenizer.of(vocab).encode, texts)
        with StoreWriter(fresh, len(vocab)) as writer:
            for document in documents:
                writer.add(document)
            writer.finish(labels, corpus.split, {**meta, "vocab": vocab.fingerprint})
    if reading.hexdigest() != texts_digest:
        raise DataError(
            "The texts changed while they were read, so the tokens would not belong to them. Run "
            "again when nothing writes to them."
        )
    # Escaped, because a text from elsewhere may hold half of a surrogate pair.
    write_text(fresh / "vocab.json", json.dumps(vocab.to_dict(), indent=0) + "\n")


def _watched(texts: Iterable[str], reading: blake2b) -> Iterator[str]:
    """Yield the texts while `reading` takes in each with its length before it."""
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"Document {place} is {type(text).__name__}, not a text (str).")
        data = text.encode("utf-8", "surrogatepass")
        if isinstance(text, FieldText):  # the same characters have other tokens
            reading.update(_FIELDS)
        reading.update(len(data).to_bytes(8, "little"))
        reading.update(data)
        yield text


def _digest(texts: Iterable[str]) -> str:
    reading = blake2b(digest_size=_DIGEST_BYTES)
    for _ in _watched(texts, reading):
        pass
    return reading.hexdigest()


def _tokenize(
    texts: Iterable[str], counted: NDArray[np.bool_], file: IO[bytes], interning: Interning
) -> NDArray[Any]:
    """Write the numbers of each text's words, count them, and return the lengths."""
    encode = WordEncoder(interning.__getitem__)
    lengths = Gathered()
    for text in texts:
        numbers = np.frombuffer(array("I", encode(text)), np.uint32)
        file.write(numbers.tobytes())
        freed = interning.document_done(numbers, bool(counted[len(lengths)]))
        if freed is not None:
            encode.forget(freed)
        lengths.append(len(numbers))
    interning.end_span()
    return lengths.numbers()


def _learned_from(corpus: Corpus) -> Iterator[str]:
    texts = corpus.texts if corpus.split is None else corpus.part(TRAIN).texts
    return iter(progress(texts, "Finding pieces", len(texts)))


def _counted(corpus: Corpus) -> NDArray[np.bool_]:
    if corpus.split is None:
        return np.ones(len(corpus), bool)
    return np.fromiter((part == TRAIN for part in corpus.split), bool, len(corpus))


def _remapped(
    file: IO[bytes], lengths: NDArray[Any], interning: Interning, vocab: Vocab
) -> Iterator[NDArray[np.int64]]:
    file.seek(0)
    begin = 0
    for span, table in zip(interning.spans, interning.tables(vocab), strict=True):
        for length in map(int, lengths[begin : begin + span.documents]):
            yield table[np.frombuffer(file.read(4 * length), np.uint32)]
        begin += span.documents
