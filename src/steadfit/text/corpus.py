"""Documents with their labels, groups and split, as one value that never changes."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import LARGEST_SEED, is_number, whole_number
from steadfit.core.errors import DataError
from steadfit.text import corpus_columns
from steadfit.text.coded import Coded
from steadfit.text.corpus_columns import coded, strings
from steadfit.text.joined_texts import picked
from steadfit.text.rows import checked_rows, first_of_each
from steadfit.text.splits import SIDES, TEST, TRAIN, VALID, check_split, draw_groups
from steadfit.text.values import names_of, text_value

__all__ = ["TEST", "TRAIN", "VALID", "Corpus"]


@dataclass(frozen=True, repr=False)
class Corpus:
    """Documents and what is known about each; every method returns a new Corpus.

    `texts` may be lazy (`LazyStrings`); the other columns are as long as `texts`, or None. Labels,
    groups and split are kept as `Coded`, a small number a document, equal to a tuple of strings.
    Documents of one group always stand on one side of a split. Empty documents are documents.

    Attributes:
        texts: the documents.
        labels: the class of each; or, where a document may have several or none, the classes of
            each: given as lists or sets of strings, kept as sorted tuples.
        groups: what each belongs to (a film, an author, a patient).
        split: "train", "valid" or "test" for each.
        names: where each came from: a posix path relative to `root`, or "reviews.csv:12".
        root: the folder that was read, where there was one.

    Raises:
        DataError: when columns differ in length, hold something else than strings, or when the
            documents of one group stand on two sides of the split.
    """

    texts: Sequence[str]
    labels: Sequence[Any] | None = None
    groups: Sequence[str] | None = None
    split: Sequence[str] | None = None
    names: Sequence[str] | None = None
    root: Path | None = None

    def __post_init__(self) -> None:
        if isinstance(self.texts, str):
            raise DataError("texts is one string; a sequence of strings is accepted: [text]")
        object.__setattr__(self, "texts", strings("texts", self.texts))
        for column in ("labels", "groups", "split", "names"):
            if (values := getattr(self, column)) is not None:
                kept = _kept(column, values)
                object.__setattr__(self, column, kept)
                if len(kept) != len(self.texts):
                    raise DataError(f"{len(self.texts)} texts but {len(kept)} {column}")
        for named in filter(None, (self.labels, self.groups)):
            for name in corpus_columns.different(named):
                text_value(name, f"the label or group {name!r}")
        if split := self._coded("split"):
            check_split(split, self._coded("groups"))

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        parts = [f"{len(self):,} documents"]
        for column in (self.labels, self.split):
            if column:
                names = (name for value in column for name in names_of(value))
                counts = sorted(Counter(names).items())
                shown = [f"{name} {count:,}" for name, count in counts[:10]]
                parts.append(", ".join(shown + ["..."] * (len(counts) > 10)))
        return f"Corpus({'; '.join(parts)})"

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, each once, sorted."""
        if self.labels is None:
            raise DataError("this corpus has no labels; name a label column or use with_labels")
        return tuple(sorted(corpus_columns.different(self.labels)))

    @property
    def multi_label(self) -> bool:
        """Whether a document may have several labels, or none."""
        return self.labels is not None and not isinstance(self.labels, Coded)

    def select(self, rows: Iterable[int]) -> Corpus:
        """Return these documents in this order; no row may be named twice."""
        rows = checked_rows(rows, len(self))
        return replace(
            self,
            texts=_pick(self.texts, rows),
            labels=_pick(self.labels, rows),
            groups=_pick(self.groups, rows),
            split=_pick(self.split, rows),
            names=_pick(self.names, rows),
        )

    def part(self, name: str) -> Corpus:
        """Return the documents of one side of the split; they may be none."""
        if name not in (TRAIN, VALID, TEST):
            raise DataError(f"part({name!r}): accepted are 'train', 'valid' and 'test'")
        split = self._coded("split")
        if split is None:
            raise DataError(
                "this corpus is not split; use split_randomly, split_by_folder or split_by_rows"
            )
        return self.select(split.rows_of(name))

    def without_duplicates(self) -> Corpus:
        """Return the corpus without documents whose text equals that of an earlier one."""
        return self.select(first_of_each(self.texts))

    def filter_by_folder(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> Corpus:
        """Return the documents whose first folder under the root is included, and not excluded.

        Raises:
            DataError: when a folder to include is not there, or nothing is left.
        """
        folders = self._folders()
        included = None if include is None else _names(include)
        excluded = set() if exclude is None else _names(exclude)
        self._require_folders(included or set(), folders)
        rows = [
            row
            for row, folder in enumerate(folders)
            if (included is None or folder in included) and folder not in excluded
        ]
        if not rows:
            raise DataError(
                f"filter_by_folder(include={include!r}, exclude={exclude!r}) leaves no document; "
                f"the folders are {_listed(folders)}"
            )
        return self.select(rows)

    def split_randomly(self, fraction: float, seed: int = 0) -> Corpus:
        """Return the corpus with about `fraction` of its documents as "valid", the rest "train".

        The choice depends on the seed and the number of documents alone, on any machine. With
        groups it depends on the seed and the group names: whole groups are taken, in a seeded
        order, each that brings "valid" nearer to the fraction. What is "test" already stays so.

        Raises:
            DataError: when the fraction is not between 0 and 1, or one side would be empty.
        """
        whole_number("seed", seed, 0, LARGEST_SEED)
        if not is_number(fraction) or not 0 < fraction < 1:
            raise DataError(f"fraction={fraction!r}: accepted are numbers between 0 and 1")
        rows = np.flatnonzero(self._sides() != SIDES.index(TEST))
        grouped = self._coded("groups")
        valid = draw_groups(rows, grouped, round(fraction * len(rows)), seed)
        if not len(valid) or len(valid) == len(rows):
            empty = "train" if len(valid) else "valid"
            groups = "" if grouped is None else f" in {len(grouped.different)} groups"
            raise DataError(
                f"fraction={fraction!r} of {len(rows)} documents{groups} leaves {empty!r} empty; "
                "give another fraction, more documents, or smaller groups"
            )
        return self._with_valid(valid)

    def split_by_folder(self, train: str = "train", valid: str = "valid") -> Corpus:
        """Return the documents of two folders as "train" and "valid"; all others are left out.

        A folder counts when it is the first part of the path under the root.

        Raises:
            DataError: when one of the folders is not there.
        """
        for folder in (train, valid):
            if not isinstance(folder, str):
                raise DataError(f"{folder!r} is no folder's name; a string is accepted")
        if train == valid:
            raise DataError(f"train and valid are the same folder {train!r}; give two")
        folders = self._folders()
        self._require_folders({train, valid}, folders)
        rows = [row for row, folder in enumerate(folders) if folder in (train, valid)]
        sides = Coded.of(TRAIN if folders[row] == train else VALID for row in rows)
        return replace(replace(self, split=None).select(rows), split=sides)

    def split_by_rows(self, valid_rows: Iterable[int]) -> Corpus:
        """Return the corpus with these rows as "valid" and the others as "train".

        What is "test" already and not named stays so.
        """
        valid = checked_rows(valid_rows, len(self))
        if not len(valid) or len(valid) == len(self):
            raise DataError(
                f"{len(valid)} of {len(self)} rows as valid leaves one side of the split empty"
            )
        return self._with_valid(valid)

    def label_from_folder(self, classes: Iterable[str] | None = None) -> Corpus:
        """Return the corpus labelled with the name of the folder each document stands in.

        Documents in other folders than `classes`, or directly under the root, are left out; a
        warning counts and names them.

        Raises:
            DataError: when a class has no document, or there are fewer than two.
        """
        parents = [name.split("/")[-2] if "/" in name else None for name in self._paths()]
        wanted = {parent for parent in parents if parent} if classes is None else _names(classes)
        if missing := sorted(wanted - set(parents)):
            raise DataError(
                f"no document in a folder named {_listed(missing)}; "
                f"documents stand in folders {_listed(parents)}"
            )
        if len(wanted) < 2:
            raise DataError(
                f"{self.root}: {len(wanted)} class ({_listed(wanted)}); a classifier needs at "
                "least two folders of documents, one a class"
            )
        rows = [row for row, parent in enumerate(parents) if parent in wanted]
        if len(rows) < len(self):
            others = Counter(parent or "(no folder)" for parent in parents if parent not in wanted)
            shown = ", ".join(f"{name}: {count:,}" for name, count in sorted(others.items()))
            warnings.warn(
                f"{len(self) - len(rows):,} of {len(self):,} documents are in none of the classes "
                f"{_listed(wanted)} and are left out ({shown})",
                stacklevel=2,
            )
        labels = Coded.of(parent for row in rows if (parent := parents[row]) is not None)
        return replace(self.select(rows), labels=labels)

    def with_labels(self, labels: Iterable[Any]) -> Corpus:
        """Return the corpus with these labels, one for each document, or a list or set for each."""
        if isinstance(labels, str):
            raise DataError("labels is one string; a sequence with one label a text is accepted")
        return replace(self, labels=corpus_columns.labels(labels))

    def _with_valid(self, rows: NDArray[np.int64]) -> Corpus:
        sides = self._sides()
        sides[rows] = SIDES.index(VALID)
        return replace(self, split=Coded(sides, SIDES))

    def _sides(self) -> NDArray[np.uint8]:
        """Return the place in SIDES of each document: of "test" if it is that, else of "train"."""
        sides = np.full(len(self), SIDES.index(TRAIN), np.uint8)
        if split := self._coded("split"):
            sides[split.rows_of(TEST)] = SIDES.index(TEST)
        return sides

    def _coded(self, column: str) -> Coded | None:
        values = getattr(self, column)
        assert values is None or isinstance(values, Coded)
        return values

    def _paths(self) -> Sequence[str]:
        if self.root is None or self.names is None:
            raise DataError(
                "this corpus was not read from a folder, so its documents have no folder names; "
                "use read_folder, or a label column and split_randomly"
            )
        return self.names

    def _folders(self) -> list[str | None]:
        return [name.split("/")[0] if "/" in name else None for name in self._paths()]

    def _require_folders(self, wanted: set[str], folders: Sequence[str | None]) -> None:
        if missing := sorted(wanted - {folder for folder in folders if folder}):
            raise DataError(
                f"{self.root}: no document in folder {_listed(missing)}; "
                f"the folders with documents are {_listed(folders)}"
            )


def _kept(column: str, values: Any) -> Sequence[Any]:
    if column == "labels":
        return corpus_columns.labels(values)
    return strings(column, values) if column == "names" else coded(column, values)


def _pick(column: Sequence[str] | None, rows: NDArray[np.int64]) -> Any:
    return None if column is None else picked(column, rows)


def _names(names: Iterable[str]) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def _listed(names: Iterable[str | None]) -> str:
    unique = sorted({name for name in names if name})
    shown = ", ".join(repr(name) for name in unique[:20])
    return (shown + (f" and {len(unique) - 20} more" if len(unique) > 20 else "")) or "none"
