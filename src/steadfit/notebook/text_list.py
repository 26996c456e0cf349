"""Texts on their way to batches, told one thing at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from steadfit.core.checks import a_path
from steadfit.core.errors import DataError
from steadfit.data.prepare import prepare_tokens
from steadfit.notebook.columns import SIDES, Column, class_names, one_column, require_classes
from steadfit.notebook.data_bunch import CLASSIFIER, LANGUAGE_MODEL, DataBunch
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.paths import DataPath
from steadfit.text.readers import read_csv, read_folder, read_frame, read_texts
from steadfit.text.values import is_set_of_labels, label_value
from steadfit.text.vocab import Vocab


@dataclass(frozen=True, eq=False, repr=False)
class TextList:
    """Texts, and what has been said so far about how to split and label them.

    Each method returns a new TextList that knows one thing more:
    `TextList.from_folder(path).split_by_rand_pct(0.1).label_for_lm().databunch(bs=48)`.

    Attributes:
        corpus: the documents, with labels and split once they are known.
        path: where `DataBunch.save` will write.
        vocab: the vocabulary to use, or None to count one over the training documents.
        kind: "language-model" or "classifier" once labelled.
        classes: the classes in the order of their indices, once labelled for a classifier.
        reread: reads the table again with one more column as labels; None for folders and lists.
    """

    corpus: Corpus
    path: Path
    vocab: Vocab | None = None
    kind: str | None = None
    classes: tuple[str, ...] = ()
    reread: Callable[[Column], Corpus] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", DataPath(Path(self.path).expanduser()))
        if self.vocab is not None and not isinstance(self.vocab, Vocab):
            raise DataError(
                f"vocab is a {type(self.vocab).__name__}; give that of other data, such as "
                "data_lm.vocab, or Vocab(tokens)"
            )

    def __len__(self) -> int:
        return len(self.corpus)

    def __repr__(self) -> str:
        kind = f", for a {self.kind}" if self.kind else ""
        vocab = f", vocabulary of {len(self.vocab):,}" if self.vocab else ""
        return f"TextList({self.corpus!r}{kind}{vocab}, path={str(self.path)!r})"

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        extensions: Iterable[str] | None = None,
        vocab: Vocab | None = None,
        encoding: str = "utf-8",
    ) -> TextList:
        """Return the files under a folder, at any depth: `.txt` unless `extensions` are given."""
        corpus = read_folder(path, (".txt",) if extensions is None else extensions, encoding)
        return cls(corpus, Path(path), vocab)

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        csv_name: str | Path,
        cols: Column | list[Column] = 0,
        vocab: Vocab | None = None,
        delimiter: str | None = None,
        header: bool = True,
        encoding: str = "utf-8",
        group: Column | None = None,
    ) -> TextList:
        """Return the rows of `path / csv_name`, text in column `cols` (a name, or a number from 0).

        Rows with the same value in column `group` never stand on two sides of a split.
        """
        file, text = a_path("csv_name", Path(path, csv_name)).expanduser(), one_column(cols)

        def read(label: Column | None = None) -> Corpus:
            return read_csv(file, text, label, group, delimiter, encoding, bool(header))

        return cls(read(), Path(path), vocab, reread=read)

    @classmethod
    def from_df(
        cls,
        df: Any,
        path: str | Path = ".",
        cols: Column | list[Column] = 0,
        vocab: Vocab | None = None,
        group: Column | None = None,
    ) -> TextList:
        """Return the rows of a polars or pandas frame, text in column `cols`; see `from_csv`."""
        read = partial(read_frame, df, one_column(cols), group=group)
        return cls(read(), Path(path), vocab, reread=lambda label: read(label=label))

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], path: str | Path = ".", vocab: Vocab | None = None
    ) -> TextList:
        """Return strings in memory as a TextList."""
        return cls(read_texts(texts), Path(path), vocab)

    def filter_by_folder(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> TextList:
        """Keep documents whose first folder under the root is included, and not excluded."""
        return replace(self, corpus=self.corpus.filter_by_folder(include, exclude))

    def split_by_rand_pct(self, valid_pct: float = 0.2, seed: int = 0) -> TextList:
        """Draw a part of the documents for validation; the same seed draws the same ones."""
        return replace(self, corpus=self.corpus.split_randomly(valid_pct, seed))

    def split_by_folder(self, train: str = "train", valid: str = "valid") -> TextList:
        """Take training and validation documents from two folders, and leave out all others."""
        return replace(self, corpus=self.corpus.split_by_folder(train, valid))

    def split_by_idx(self, valid_idx: Iterable[int]) -> TextList:
        """Take these rows for validation and the others for training."""
        return replace(self, corpus=self.corpus.split_by_rows(valid_idx))

    def split_by_col(self, col: Column = "is_valid") -> TextList:
        """Take the rows for validation where the column says true, 1 or valid.

        False, 0 and train stand for training; anything else is refused.
        """
        values = [value.lower() for value in self._column(col)]
        for row, value in enumerate(values):
            if value not in SIDES:
                known = ", ".join(SIDES)
                raise DataError(f"column {col!r}, row {row}: {value!r}; accepted are {known}")
        return self.split_by_idx(row for row, value in enumerate(values) if SIDES[value] == VALID)

    def split_from_df(self, col: Column = 2) -> TextList:
        """Do what `split_by_col` does, by fastai's name and default: the third column."""
        return self.split_by_col(col)

    def split_none(self) -> TextList:
        """Use every document for training and none for validation."""
        return replace(self, corpus=replace(self.corpus, split=(TRAIN,) * len(self)))

    def label_for_lm(self) -> TextList:
        """Label each token with the one after it: data for a language model."""
        corpus = replace(self.corpus, labels=None)
        return replace(self, corpus=corpus, kind=LANGUAGE_MODEL, classes=())

    def label_from_folder(self, classes: Iterable[str] | None = None) -> TextList:
        """Label each document with the name of the folder it stands in.

        Documents in other folders than `classes` are left out, with a warning. The order of
        `classes` is that of their indices; it is alphabetical where none are given.
        """
        wanted = class_names(classes)
        return self._labelled(self.corpus.label_from_folder(wanted), wanted)

    def label_from_df(
        self, cols: Column | list[Column] = 1, classes: Iterable[str] | None = None
    ) -> TextList:
        """Label each row with the value of a column, as a string; see `label_from_folder`.

        A label outside `classes` is refused by `databunch`.
        """
        labels = self._column(one_column(cols))
        return self._labelled(self.corpus.with_labels(labels), class_names(classes))

    label_from_col = label_from_df

    def label_from_list(
        self, labels: Iterable[object], classes: Iterable[str] | None = None
    ) -> TextList:
        """Label each document with one of these, in the same order.

        Where each is a list or set, a document may have several classes, or none.
        """
        named = [_named(label, f"labels[{row}]") for row, label in enumerate(labels)]
        return self._labelled(self.corpus.with_labels(named), class_names(classes))

    def databunch(
        self,
        path: str | Path | None = None,
        bs: int = 64,
        val_bs: int | None = None,
        bptt: int = 70,
        backwards: bool = False,
        max_vocab: int = 60000,
        min_freq: int = 3,
        seed: int = 0,
        num_workers: int | None = None,
        bptt_jitter: bool = False,
        tokenizer: str | None = None,
        vocab_size: int = 8000,
    ) -> DataBunch:
        """Tokenize the documents, or find them tokenized, and return what batches are cut from.

        Args:
            path: where `save` writes; the folder of the texts if not given.
            bs: rows of a training batch.
            val_bs: rows of a validation batch; `bs` if not given.
            bptt: steps of a window; a classifier reads whole documents, window by window.
            backwards: read each document from its end.
            max_vocab: size of the vocabulary counted over the training documents, at most.
            min_freq: how often a token must occur there to enter it. Neither of the two has a
                meaning where `vocab` was given.
            seed: with the epoch, it fixes the order of training documents.
            num_workers: has no effect, and a warning says so.
            bptt_jitter: draw the length of each training window of a language model around
                `bptt`, as AWD-LSTM does.
            tokenizer: "words", or "subwords" for pieces of words found in the training documents
                (docs/tokenizers.md); what `vocab` is of where that was given, else "words".
            vocab_size: size of a vocabulary of subwords at most.

        Raises:
            DataError: when split or labels are missing, a class has no training document, or no
                batch of `bs` rows can be cut.
        """
        self._require_split_and_labels()
        if num_workers is not None:
            warnings.warn(
                "num_workers has no effect: batches are slices of a file mapped into memory",
                stacklevel=2,
            )
        store, vocab = prepare_tokens(
            self.corpus,
            vocab=self.vocab,
            max_vocab=max_vocab,
            min_freq=min_freq,
            classes=self.classes or None,
            tokenizer=tokenizer,
            vocab_size=vocab_size,
        )
        return DataBunch(
            kind=self.kind or "",
            store=store,
            vocab=vocab,
            classes=self.classes,
            path=self.path if path is None else Path(path),
            bs=bs,
            val_bs=bs if val_bs is None else val_bs,
            bptt=bptt,
            backwards=backwards,
            seed=seed,
            bptt_jitter=bptt_jitter,
        )

    def _labelled(self, corpus: Corpus, classes: tuple[str, ...] | None) -> TextList:
        return replace(self, corpus=corpus, kind=CLASSIFIER, classes=classes or corpus.classes)

    def _column(self, column: Column) -> tuple[str, ...]:
        if self.reread is None:
            raise DataError(
                "these texts were not read from a table; use from_csv or from_df, or "
                "split_by_folder, split_by_idx, label_from_folder, label_from_list"
            )
        table = self.reread(column)
        if table.texts != self.corpus.texts:
            raise DataError("the table changed after it was read; read it again with from_csv")
        return tuple(table.labels or ())

    def _require_split_and_labels(self) -> None:
        if self.corpus.split is None:
            raise DataError(
                "databunch() before a split: add .split_by_rand_pct(0.1), .split_by_folder("
                "train='train', valid='test'), .split_by_col('is_valid') or .split_none()"
            )
        if self.kind is None:
            raise DataError(
                "databunch() before labels: add .label_for_lm() for a language model, "
                ".label_from_folder(classes=['neg', 'pos']) or .label_from_df() for a classifier"
            )
        if self.kind == CLASSIFIER:
            require_classes(self.corpus, self.classes)


def _named(label: Any, place: str) -> str | list[str]:
    if is_set_of_labels(label):
        return [label_value(one, place) for one in label]
    return label_value(label, place)
