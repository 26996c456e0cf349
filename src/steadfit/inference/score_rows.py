"""The records of a table with what a model says of each, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import is_number, shown, whole_number, yes_or_no
from steadfit.core.errors import DataError
from steadfit.text.fields import join_fields
from steadfit.text.table_rows import LABEL, FolderTable, JSONTable, Rows, check_keys
from steadfit.text.values import is_missing, text_value

_CHARACTERS = 1 << 22  # of texts from which on fewer rows are held
_ROUNDING = 1e-6  # by how much a sum of probabilities may be above one

Probabilities = Callable[[Sequence[str]], Any]
Decide = Callable[[NDArray[np.float64]], Sequence[str | None]]


@dataclass(frozen=True)
class Asked:
    """What is added to a row, and how; see `steadfit.inference.scored.score_file`.

    Raises:
        DataError: an argument that is none of those accepted.
    """

    texts: tuple[str, ...]
    classes: tuple[str, ...]
    batch: int
    abstain_below: float | None
    prefix: str
    overwrite_columns: bool
    missing_as_empty: bool

    def __post_init__(self) -> None:
        whole_number("batch", self.batch, 1)
        yes_or_no("overwrite_columns", self.overwrite_columns)
        yes_or_no("missing_as_empty", self.missing_as_empty)
        if not all(isinstance(name, str) for name in (*self.classes, self.prefix)):
            raise DataError("prefix and classes have to be strings")
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise DataError(f"classes are {shown(self.classes)}; different names are accepted")
        least = self.abstain_below
        if least is not None and not (is_number(least) and 0 <= least <= 1):
            raise DataError(
                f"abstain_below is {shown(least)}; accepted are None and a probability, 0 to 1"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The new columns: label, probability, and one a class."""
        names = ("label", "probability", *(f"p_{name}" for name in self.classes))
        return tuple(self.prefix + name for name in names)


class Block(NamedTuple):
    """Records with their new columns, and how many of them have no label."""

    records: list[dict[str, Any]]
    abstained: int


def all_columns(table: Rows, asked: Asked) -> list[str]:
    """Return the columns of the result: those of the table, then the new ones.

    Raises:
        DataError: one of the new ones is there, and is not to be replaced.
    """
    given = [name for name in table.columns if not _left_out(table, name)]
    _refuse_same(given, asked, str(table.path))
    return given + [name for name in asked.columns if name not in given]


def require_texts(table: Rows, asked: Asked) -> None:
    """Check that the columns of the texts are there, as far as the table's first record can tell.

    Raises:
        DataError: one is not, and missing texts are not to be empty ones.
    """
    # JSON lines without a line have no columns, and an object may leave out the key of a text.
    if table.columns and not (asked.missing_as_empty and isinstance(table, JSONTable)):
        table.require(asked.texts)


def scored_blocks(
    table: Rows,
    asked: Asked,
    probabilities: Probabilities,
    columns: Sequence[str] | None,
    done: int = 0,
    decide: Decide | None = None,
) -> Iterator[Block]:
    """Yield the records of a table from number `done` on.

    Where a block ends depends on the records alone, so that one that begins where an earlier run's
    ended holds the same ones.

    Args:
        table: read from its start.
        asked: what is added.
        probabilities: of texts, `(texts, classes)`.
        columns: all that may stand in a record; None if any may.
        done: so many records are passed over.
        decide: labels of probabilities; the likeliest classes, or none, if it is not given.

    Raises:
        DataError: a record without a text or with other columns; probabilities that are none; a
            key of the texts that none of the first records has.
    """
    for _ in range(done):
        if next(table, None) is None:
            raise DataError(f"{table.path} has fewer than the {done:,} rows it had before")
    allowed = None if columns is None else frozenset(columns)
    usual = frozenset(table.columns)  # whose names were looked at when the table was opened
    records: list[dict[str, Any]] = []
    texts: list[str] = []
    characters = 0
    for record in table:
        text = _text(table, record, asked)
        if record.keys() != usual:
            _check_columns(table, record, asked, allowed)
        records.append(record)
        texts.append(text)
        characters += len(text)
        if len(records) == asked.batch or characters >= _CHARACTERS:
            yield _scored(table, records, texts, asked, probabilities, decide)
            records, texts, characters = [], [], 0
    if records:
        yield _scored(table, records, texts, asked, probabilities, decide)


def _scored(
    table: Rows,
    records: list[dict[str, Any]],
    texts: list[str],
    asked: Asked,
    probabilities: Probabilities,
    decide: Decide | None,
) -> Block:
    if table.number == len(records):
        _check_first(table, records, asked)
    found = _checked(probabilities(texts), len(texts), len(asked.classes))
    labels = _likeliest(found, asked) if decide is None else _decided(decide(found), len(texts))
    folder = isinstance(table, FolderTable)
    place_of = {name: place for place, name in enumerate(asked.classes)}
    best = found.argmax(axis=1).tolist()
    for record, label, top, row in zip(records, labels, best, found.tolist(), strict=True):
        if folder:
            del record[LABEL]  # it is part of the name, and the new label's own
        # Seven digits are those of float32: more would differ from one machine to the next.
        rounded = [float(f"{value:.7g}") for value in row]
        of_label = rounded[top if label is None else place_of.get(label, top)]
        record.update(zip(asked.columns, [label, of_label, *rounded], strict=True))
    return Block(records, labels.count(None))


def _likeliest(found: NDArray[np.float64], asked: Asked) -> list[str | None]:
    least = 0.0 if asked.abstain_below is None else asked.abstain_below
    best = found.argmax(axis=1).tolist()
    sure = (found.max(axis=1) >= least).tolist()
    return [
        asked.classes[index] if is_sure else None for index, is_sure in zip(best, sure, strict=True)
    ]


def _decided(labels: Any, texts: int) -> list[str | None]:
    given = isinstance(labels, Iterable) and not isinstance(labels, str)
    found = list(labels) if given else [labels]
    if not given or len(found) != texts:
        raise DataError(
            f"decide gave {shown(labels)} for {texts} texts; a label or None for each is accepted"
        )
    return found


def _checked(values: Any, texts: int, classes: int) -> NDArray[np.float64]:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the model gave no table of numbers ({error})") from error
    if found.shape != (texts, classes):
        raise DataError(
            f"the model gave an array {found.shape} for {texts} texts and {classes} classes; "
            f"{(texts, classes)} is accepted"
        )
    if not np.isfinite(found).all():
        raise DataError("the model gave probabilities that are no finite numbers")
    if found.size and not (found.min() >= 0 and found.max() <= 1 + _ROUNDING):
        raise DataError(
            f"the model gave numbers from {found.min():.4g} to {found.max():.4g}; probabilities, "
            "from 0 to 1, are accepted"
        )
    return found


def _check_first(table: Rows, records: Sequence[dict[str, Any]], asked: Asked) -> None:
    """Raise DataError where no record has a key: its name is more likely wrong than all missing."""
    for name in asked.texts:
        if not any(name in record for record in records):
            check_keys(table, records[-1], [name])


def _text(table: Rows, record: dict[str, Any], asked: Asked) -> str:
    if not asked.missing_as_empty:
        check_keys(table, record, asked.texts)
    values = [record.get(name) for name in asked.texts]
    for place, (name, value) in enumerate(zip(asked.texts, values, strict=True)):
        if is_missing(value):
            if not asked.missing_as_empty:
                raise DataError(
                    f"{table.where}: no text in {name!r}; give it a string (it may be empty), or "
                    "score such rows as empty ones with missing_as_empty"
                )
            values[place] = ""
    return join_fields([text_value(value, table.where) for value in values])


def _check_columns(
    table: Rows, record: dict[str, Any], asked: Asked, allowed: frozenset[str] | None
) -> None:
    _refuse_same(list(record), asked, table.where)
    if allowed is not None and (others := record.keys() - allowed):
        raise DataError(
            f"{table.where}: {', '.join(map(repr, sorted(others)))} is no key of the first record, "
            "by which the columns were chosen; write .jsonl"
        )


def _left_out(table: Rows, name: str) -> bool:
    return isinstance(table, FolderTable) and name == LABEL


def _refuse_same(given: Sequence[str], asked: Asked, where: str) -> None:
    same = [name for name in asked.columns if name in given]
    if same and not asked.overwrite_columns:
        raise DataError(
            f"{where}: columns {', '.join(map(repr, same))} are there already, and would be those "
            "of the result; give a prefix for the new ones, or say overwrite_columns"
        )
