"""Prepared documents with all that is needed to cut them into batches."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from steadfit.core.atomic import atomic_folder, write_json
from steadfit.core.checks import LARGEST_SEED, whole_number, yes_or_no
from steadfit.core.console import say
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import CHECKSUM, is_sealed, read_json, sealed
from steadfit.data.buckets import DocumentBatches
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.prepare import open_tokens
from steadfit.data.token_store import TokenStore
from steadfit.notebook.names import plain_name
from steadfit.notebook.show import show_table
from steadfit.text.corpus import TRAIN, VALID
from steadfit.text.paths import DataPath
from steadfit.text.vocab import Vocab

LANGUAGE_MODEL, CLASSIFIER = "language-model", "classifier"

_FORMAT, _VERSION = "steadfit-data-bunch", 2  # 1 had no checksums
_HEAD = ("format", "version", CHECKSUM)
_SETTINGS = "settings.json"
_KEPT = ("kind", "bs", "val_bs", "bptt", "backwards", "seed")
_ADDED = ("bptt_jitter",)  # kept where it is True, so that data of before stay readable
_SHOWN_TOKENS = 70


@dataclass(frozen=True, eq=False, repr=False)
class DataBunch:
    """Documents as token ids with their vocabulary, and how batches are cut from them.

    Made by `TextList.databunch` and `load_data`.

    Attributes:
        kind: "language-model" or "classifier".
        store: the ids, labels and split, mapped from disk.
        vocab: what the ids mean.
        classes: what the labels mean, in the order of their indices; empty for a language model.
        path: the folder that `save`, and a learner, write into.
        bs: rows of a training batch.
        val_bs: rows of a validation batch.
        bptt: steps of a window of text.
        backwards: whether each document is read from its end.
        seed: with the epoch, it fixes the order of training documents.
        bptt_jitter: whether the training windows of a language model have lengths that are drawn
            around `bptt`.

    Raises:
        DataError: when no batch can be cut so; it is not left for training to find out.
    """

    kind: str
    store: TokenStore
    vocab: Vocab
    classes: tuple[str, ...]
    path: Path
    bs: int = 64
    val_bs: int = 64
    bptt: int = 70
    backwards: bool = False
    seed: int = 0
    bptt_jitter: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", DataPath(Path(self.path).expanduser()))
        if self.kind not in (LANGUAGE_MODEL, CLASSIFIER):
            raise DataError(
                f"kind={self.kind!r}: accepted are {LANGUAGE_MODEL!r} and {CLASSIFIER!r}"
            )
        if self.kind == CLASSIFIER and (self.store.labels is None or not self.classes):
            raise DataError("a classifier needs labels and classes; the documents have none")
        for name in ("bs", "val_bs", "bptt"):
            whole_number(name, getattr(self, name), 1)
        whole_number("seed", self.seed, 0, LARGEST_SEED)
        yes_or_no("backwards", self.backwards)
        if yes_or_no("bptt_jitter", self.bptt_jitter) and self.kind == CLASSIFIER:
            raise DataError(
                "bptt_jitter is True: a classifier reads whole documents, so no window's length "
                "is drawn; leave it out"
            )
        for given, build in (
            (f"bs={self.bs} for the 'train' documents", self.train_batches),
            (f"val_bs={self.val_bs} for the 'valid' documents", self.valid_batches),
        ):
            try:
                build()
            except DataError as error:
                raise DataError(f"{given}: {error}") from error

    def __repr__(self) -> str:
        parts = [self.kind]
        for part in (TRAIN, VALID):
            rows = self.store.rows(part)
            tokens = int(self.store.lengths[rows].sum())
            parts.append(f"{part} {len(rows):,} documents, {tokens:,} tokens")
        if self.classes:
            shown = [*self.classes[:10], *["..."] * (len(self.classes) > 10)]
            parts.append(f"{len(self.classes)} classes: {', '.join(shown)}")
        parts.append(f"vocabulary of {len(self.vocab):,}")
        direction = ", backwards" if self.backwards else ""
        parts.append(f"bs={self.bs}, val_bs={self.val_bs}, bptt={self.bptt}{direction}")
        return f"DataBunch({'; '.join(parts)})"

    def train_batches(self) -> LanguageModelStream | DocumentBatches:
        """Return the training batches, in another order each epoch."""
        return self._batches(TRAIN, self.bs, shuffle=True)

    def valid_batches(self) -> LanguageModelStream | DocumentBatches | None:
        """Return the validation batches, always in the same order, or None if there are none."""
        if not len(self.store.rows(VALID)):
            return None
        return self._batches(VALID, self.val_bs, shuffle=False)

    def show_batch(self, rows: int = 5) -> None:
        """Show the first 70 tokens of the first rows of the first training batch.

        For a language model these are places in one long text, not the beginnings of documents.
        """
        whole_number("rows", rows, 1)
        batches = self.train_batches()
        if isinstance(batches, LanguageModelStream):
            tokens = next(batches.epoch(0)).inputs[:rows, :_SHOWN_TOKENS].tolist()
            texts = [self.vocab.textify(ids) for ids in tokens]
            show_table(("idx", "text"), [(str(row), text) for row, text in enumerate(texts)])
            return
        batch = next(batches.epoch(0))
        assert batch.labels is not None  # a classifier without labels is refused when it is made
        lines = []
        for row in range(min(rows, len(batch.rows))):
            shown = batch.tokens[row, : min(int(batch.lengths[row]), _SHOWN_TOKENS)].tolist()
            lines.append((self.vocab.textify(shown), self._target(batch.labels[row])))
        show_table(("text", "target"), lines)

    def _target(self, label: Tensor) -> str:
        if not label.ndim:
            return self.classes[int(label)]
        return ";".join(self.classes[place] for place in label.nonzero().flatten().tolist())

    def save(self, file: str | Path = "data_save") -> None:
        """Write everything into the folder `path / file`, whole or not at all.

        Nothing is pickled: `data_lm.pkl` is accepted for what it used to mean, and the folder
        `data_lm` is written. What was saved there before is replaced.

        Raises:
            DataError: when something else than saved data stands there.
        """
        folder = self.path / plain_name(file)
        if folder.is_dir() and any(folder.iterdir()) and not (folder / _SETTINGS).is_file():
            raise DataError(
                f"{folder} is a folder that holds something else than saved data, and it would be "
                "replaced; save under another name"
            )
        with atomic_folder(folder) as fresh:
            for source in self.store.folder.iterdir():
                if source.name not in (_SETTINGS, "vocab.json"):
                    _link_or_copy(source, fresh / source.name)
            write_json(fresh / "vocab.json", self.vocab.to_dict())
            used = [name for name in _ADDED if getattr(self, name)]
            kept = {name: getattr(self, name) for name in (*_KEPT, *used)}
            head = {"format": _FORMAT, "version": _VERSION}
            write_json(fresh / _SETTINGS, sealed({**head, **kept}))
        if folder.name != Path(file).name:
            say(f"nothing is pickled: wrote the folder {folder}; load_data takes either name")

    def _batches(
        self, part: str, size: int, shuffle: bool
    ) -> LanguageModelStream | DocumentBatches:
        rows = self.store.rows(part)
        if self.kind == CLASSIFIER:
            return DocumentBatches(self.store, rows, size, self.seed, shuffle, self.backwards)
        jitter = self.bptt_jitter and part == TRAIN
        return LanguageModelStream(
            self.store, rows, size, self.bptt, self.seed, shuffle, self.backwards, jitter
        )


def load_data(
    path: str | Path,
    file: str | Path = "data_save",
    bs: int | None = None,
    val_bs: int | None = None,
    bptt: int | None = None,
    backwards: bool | None = None,
    bptt_jitter: bool | None = None,
) -> DataBunch:
    """Return what `DataBunch.save` wrote, with its settings; those given here replace them.

    Without `val_bs`, a `bs` given here holds for validation as well.

    Raises:
        DataError: when nothing of that name is there, or no batch can be cut with `bs`.
        FileFormatError: when it is a pickle (which is not opened), or damaged.
    """
    path = DataPath(Path(path).expanduser())
    folder = path / plain_name(file)
    if not folder.is_dir():
        _refuse(path, Path(file), folder)
    saved = _read_settings(folder / _SETTINGS)
    store, vocab = open_tokens(folder)
    classes = tuple(store.meta.get("classes") or ())
    given = {
        "bs": bs,
        "val_bs": bs if val_bs is None else val_bs,
        "bptt": bptt,
        "backwards": backwards,
        "bptt_jitter": bptt_jitter,
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        data = DataBunch(store=store, vocab=vocab, classes=classes, path=path, **saved)
    except (DataError, TypeError) as error:
        raise FileFormatError(
            f"{folder / _SETTINGS} does not fit the documents ({error}); delete the folder and "
            "make the data again"
        ) from error
    return replace(data, **chosen)


def _link_or_copy(source: Path, target: Path) -> None:
    # The files of a store are never written to again, so two folders may share them on disk.
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(source, target)


def _refuse(path: Path, file: Path, folder: Path) -> None:
    for name in (path / file, folder):
        if name.is_file():
            raise FileFormatError(
                f"{name} is a file and was not opened: a pickle can run any code. Steadfit saves "
                "data as a folder; make it again from the texts with TextList and save it"
            )
    there = sorted(found.parent.name for found in path.glob(f"*/{_SETTINGS}"))
    raise DataError(
        f"{folder} is not there; saved data in {path}: {', '.join(there) or 'none'}. "
        f"data.save({str(file)!r}) writes it"
    )


def _read_settings(path: Path) -> dict[str, Any]:
    advice = "Give the folder that DataBunch.save wrote, or make the data again from the texts."
    if not path.is_file():
        raise FileFormatError(f"{path.parent} is not saved data: it has no {_SETTINGS}. {advice}")
    saved = read_json(path, advice)
    if saved.get("format") != _FORMAT:
        raise FileFormatError(f"{path} does not describe saved data of Steadfit. {advice}")
    if saved.get("version") != _VERSION or set(saved) - {*_ADDED} != {*_HEAD, *_KEPT}:
        raise FileFormatError(
            f"{path} has version {saved.get('version')!r} and holds {sorted(saved)}; this Steadfit "
            f"reads version {_VERSION} with {sorted(_KEPT)}. {advice}"
        )
    if not is_sealed(saved):
        raise FileFormatError(f"{path} was altered: its checksum is another. {advice}")
    return {name: saved[name] for name in (*_KEPT, *_ADDED) if name in saved}
