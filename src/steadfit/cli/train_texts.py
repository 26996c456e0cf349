"""What a training reads, looked through before it begins: classes, empty texts, leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.cli.labelled_texts import Source
from steadfit.cli.layout import Layout
from steadfit.cli.unlabelled_texts import unlabelled
from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.text.corpus import TEST, TRAIN, VALID, Corpus
from steadfit.text.duplicates import find_duplicates
from steadfit.text.joined_texts import joined
from steadfit.text.labelled import Labelled
from steadfit.text.table_rows import LABEL, TEXT
from steadfit.text.values import names_of, refuse_other_labels

FEWEST = 2  # texts of a class: one to learn from, one to hold out
_SHOWN = 8  # classes in a line


class Texts(NamedTuple):
    """All texts of a training."""

    train: Labelled
    valid: Labelled | None
    test: Labelled | None
    unlabeled: Sequence[str]


def read_texts(options: Mapping[str, Any]) -> Texts:
    """Read all files, and say what was found.

    Raises:
        DataError: a file that cannot be read, rows without text or label, fewer than two classes, a
            class with one text, labels in the other files that training does not have.
    """
    if options.get("multi_label") is True and "label_separator" not in options:
        raise DataError(
            "--multi-label needs --label-separator, which says what stands between the labels of a "
            "text, such as '|'; with it, lists of JSON and Parquet are taken as they are"
        )
    train = _read(options, "table", options.get("group"), options.get("weight"))
    _check_classes(train, options)
    valid, test = (
        None if name not in options else _read(options, name) for name in ("valid", "test")
    )
    classes = {name for label in train.labels for name in names_of(label)}
    for name, part in (("valid", valid), ("test", test)):
        if part is not None:
            try:
                refuse_other_labels(part.labels, classes)
            except DataError as error:
                raise DataError(f"{options[name]}: {error}") from error
    layout = Layout.of(options)
    places = map(Path, options.get("unlabeled", ()))
    more = joined(*(unlabelled(place, options["text"], layout) for place in places))
    if more:
        say(f"{len(more):,} texts without labels")
    return Texts(train, valid, test, more)


def classes_of(labels: Sequence[Any], where: str | Path) -> Counter[str]:
    """Return how many texts each class has; `where` is for the error.

    Raises:
        DataError: there is one class, or no text has a label.
    """
    counts = _counted(labels)
    if not counts:
        raise DataError(
            f"{where}: none of {len(labels):,} texts has a label, and a classifier needs two "
            "classes; label them, or name another column by --label"
        )
    if len(counts) == 1:
        raise DataError(
            f"{where}: all {counts.total():,} labels are {next(iter(counts))!r}; a classifier "
            "needs two classes"
        )
    return counts


def report_leaks(texts: Texts) -> None:
    """Say which documents stand on two sides; duplicates in other words are found, too."""
    parts = [(texts.train, TRAIN), (texts.valid, VALID), (texts.test, TEST)]
    sides = [(part, side) for part, side in parts if part is not None]
    corpus = Corpus(
        [text for part, _ in sides for text in part.texts],
        [label for part, _ in sides for label in part.labels],
        split=[side for part, side in sides for _ in range(len(part.texts))],
    )
    found = find_duplicates(corpus)
    if found.totals:
        say(f"duplicates: {found}")
    else:
        say(f"duplicates: none among {found.documents:,} documents")
    if texts.test is None or not texts.unlabeled:
        return
    both = Corpus(
        joined(texts.unlabeled, texts.test.texts),
        split=[TRAIN] * len(texts.unlabeled) + [TEST] * len(texts.test.texts),
    )
    if leaked := len(find_duplicates(both).leaked):
        say(
            f"duplicates: {leaked:,} documents of the test file stand among the texts without "
            "labels, which the language model reads: leave them out there"
        )


def _read(
    options: Mapping[str, Any], name: str, group: str | None = None, weight: str | None = None
) -> Labelled:
    path = Path(options[name])
    source = Source(
        path,
        (TEXT,) if path.is_dir() else tuple(options["text"]),
        LABEL if path.is_dir() else options["label"],
        options["drop_unlabeled"],
        Layout.of(options),
        separator=options.get("label_separator"),
    )
    found = source.read(group, weight)
    left_out = ""
    if found.dropped:
        left_out = f"; {found.dropped:,} without a label {_are(found.dropped)} left out"
    empty = f"; {found.empty:,} {_are(found.empty)} empty" if found.empty else ""
    say(f"{path}: {len(found.texts):,} labelled texts{left_out}{empty}{_classes_in(found)}")
    return found


def _classes_in(found: Labelled) -> str:
    """Return how many texts each class has, of many classes the commonest."""
    counts = _counted(found.labels)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    shown = ", ".join(f"{name!r} {count:,}" for name, count in ordered[:_SHOWN])
    more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
    return f"; by label: {shown}{more}" if counts else ""


def _counted(labels: Sequence[Any]) -> Counter[str]:
    return Counter(name for label in labels for name in names_of(label))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _check_classes(train: Labelled, options: Mapping[str, Any]) -> None:
    where = options["table"]
    counts = classes_of(train.labels, where)
    if rare := sorted(name for name, count in counts.items() if count < FEWEST):
        raise DataError(
            f"{where}: {len(train.labels):,} labelled texts, and only one each of "
            f"{', '.join(map(repr, rare[:10]))}; a class needs {FEWEST} at least, one to learn "
            "from and one to hold out: add some, or leave it out"
        )
    if train.empty == len(train.labels):
        raise DataError(f"{where}: all texts are empty; name another column by --text")
