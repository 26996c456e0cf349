"""fastai 1's short ways from a table or a folder to batches in one call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from steadfit.notebook.columns import Column
from steadfit.notebook.data_bunch import DataBunch
from steadfit.notebook.text_list import TextList
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.vocab import Vocab

_MIN_FREQ = 2


class TextClasDataBunch:
    """Data for a classifier in one call.

    `settings` are the arguments of `TextList.databunch`. A token enters the vocabulary when it
    occurs twice, not three times as there: so it was in fastai 1, and so it stays.
    """

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        train: str = "train",
        valid: str = "valid",
        classes: Iterable[str] | None = None,
        vocab: Vocab | None = None,
        **settings: Any,
    ) -> DataBunch:
        """Read the files of two folders, labelled by the folders below."""
        texts = TextList.from_folder(path, vocab=vocab).split_by_folder(train, valid)
        return texts.label_from_folder(classes).databunch(**_with_min_freq(settings))

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        csv_name: str | Path,
        valid_pct: float = 0.2,
        text_cols: Column | list[Column] = 1,
        label_cols: Column | list[Column] = 0,
        classes: Iterable[str] | None = None,
        vocab: Vocab | None = None,
        **settings: Any,
    ) -> DataBunch:
        """Read a table, and draw a part of its rows for validation."""
        texts = TextList.from_csv(path, csv_name, text_cols, vocab).split_by_rand_pct(valid_pct)
        return texts.label_from_df(label_cols, classes).databunch(**_with_min_freq(settings))

    @classmethod
    def from_df(
        cls,
        path: str | Path,
        train_df: Any,
        valid_df: Any,
        text_cols: Column | list[Column] = 1,
        label_cols: Column | list[Column] = 0,
        classes: Iterable[str] | None = None,
        vocab: Vocab | None = None,
        **settings: Any,
    ) -> DataBunch:
        """Take one frame for training and one for validation."""
        train, valid = (
            TextList.from_df(df, path, text_cols).label_from_df(label_cols).corpus
            for df in (train_df, valid_df)
        )
        texts = TextList(_together(train, valid), Path(path), vocab)
        labels = (*(train.labels or ()), *(valid.labels or ()))
        return texts.label_from_list(labels, classes).databunch(**_with_min_freq(settings))


class TextLMDataBunch:
    """Data for a language model in one call; labels are not read. See `TextClasDataBunch`."""

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        train: str = "train",
        valid: str = "valid",
        vocab: Vocab | None = None,
        **settings: Any,
    ) -> DataBunch:
        """Read the files of two folders, at any depth."""
        texts = TextList.from_folder(path, vocab=vocab).split_by_folder(train, valid)
        return texts.label_for_lm().databunch(**_with_min_freq(settings))

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        csv_name: str | Path,
        valid_pct: float = 0.2,
        text_cols: Column | list[Column] = 1,
        vocab: Vocab | None = None,
        **settings: Any,
    ) -> DataBunch:
        """Read a table, and draw a part of its rows for validation."""
        texts = TextList.from_csv(path, csv_name, text_cols, vocab).split_by_rand_pct(valid_pct)
        return texts.label_for_lm().databunch(**_with_min_freq(settings))

    @classmethod
    def from_df(
        cls,
        path: str | Path,
        train_df: Any,
        valid_df: Any,
        text_cols: Column | list[Column] = 1,
        vocab: Vocab | None = None,
        **settings: Any,
    ) -> DataBunch:
        """Take one frame for training and one for validation."""
        train, valid = (TextList.from_df(df, path, text_cols).corpus for df in (train_df, valid_df))
        texts = TextList(_together(train, valid), Path(path), vocab)
        return texts.label_for_lm().databunch(**_with_min_freq(settings))


def _with_min_freq(settings: dict[str, Any]) -> dict[str, Any]:
    return {"min_freq": _MIN_FREQ, **settings}


def _together(train: Corpus, valid: Corpus) -> Corpus:
    sides = (TRAIN,) * len(train) + (VALID,) * len(valid)
    return Corpus((*train.texts, *valid.texts), split=sides)
