"""The rule that makes labels of probabilities, as one value that is kept beside a model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import is_number, shown
from steadfit.core.errors import DataError, FileFormatError
from steadfit.linear.probabilities import class_codes, class_probabilities, label_probabilities

ABSTAINED = -1  # the code of a text that is not decided
_KEYS = {"classes", "thresholds", "multi_label", "abstain_below", "metric"}


@dataclass(frozen=True)
class Decision:
    """How probabilities become labels.

    One class a text: the class whose probability is largest in units of its threshold, the k with
    the largest p_k / t_k. Thresholds sum to one, so that of two classes the second is chosen just
    where p_2 > t_2. Among equal quotients the larger probability wins, then the class that stands
    first. With equal thresholds this is the likeliest class, to the bit.

    Any number of labels a text (`multi_label`): each label with p_k ≥ t_k, which may be none.

    Attributes:
        classes: names of the columns.
        thresholds: above 0; those of one class a text sum to 1, others are at most 1. What is not
            given is 1 / classes, or 0.5 for each label.
        multi_label: whether a text may have any number of labels.
        abstain_below: a text whose largest probability is less gets no class. Labels have
            thresholds for that, so theirs is 0.
        metric: what the thresholds were tuned for, if they were.

    Raises:
        DataError: fewer than two classes (one label), a name twice, or numbers out of range.
    """

    classes: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    multi_label: bool = False
    abstain_below: float = 0.0
    metric: str | None = None

    def __post_init__(self) -> None:
        names: Any = self.classes  # what is given may be a list, or something else
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise DataError(f"classes is {shown(names)}; give a sequence of names.")
        given: Any = self.thresholds
        if not isinstance(given, Iterable):
            raise DataError(f"thresholds is {shown(given)}; give one for each class, or none.")
        object.__setattr__(self, "classes", tuple(self.classes))
        given = tuple(given) or self._untuned()
        object.__setattr__(self, "thresholds", given)
        if problem := self._problem():
            raise DataError(f"This is no decision: {problem}.")
        object.__setattr__(self, "thresholds", tuple(map(float, given)))
        object.__setattr__(self, "abstain_below", float(self.abstain_below))

    def codes(self, probabilities: ArrayLike) -> NDArray[np.int64]:
        """Return the column of each text's class, (texts,), ABSTAINED for those without one.

        Raises:
            DataError: a decision of many labels, or no probabilities of these classes.
        """
        if self.multi_label:
            raise DataError("A text may have many of these labels; use `marks` or `labels`.")
        table = self._table(probabilities)
        quotients = table / np.array(self.thresholds)
        best = quotients == quotients.max(axis=1, keepdims=True)
        codes = np.where(best, table, -1.0).argmax(axis=1).astype(np.int64)
        return np.where(table.max(axis=1) >= self.abstain_below, codes, ABSTAINED)

    def marks(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Return which labels each text gets, (texts, labels).

        Raises:
            DataError: a decision of one class a text, or no probabilities of these labels.
        """
        if not self.multi_label:
            raise DataError("A text has one of these classes; use `codes` or `labels`.")
        marks: NDArray[np.bool_] = self._table(probabilities) >= np.array(self.thresholds)
        return marks

    def labels(self, probabilities: ArrayLike) -> list[str | None] | list[tuple[str, ...]]:
        """Return the class of each text, None for abstaining; of many labels a tuple a text.

        Raises:
            DataError: no probabilities of these classes.
        """
        if self.multi_label:
            names = np.array(self.classes, dtype=object)
            return [tuple(names[row]) for row in self.marks(probabilities)]
        codes = self.codes(probabilities).tolist()
        return [None if code == ABSTAINED else self.classes[code] for code in codes]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON file; every number comes back as it was."""
        return {
            "classes": list(self.classes),
            "thresholds": list(self.thresholds),
            "multi_label": self.multi_label,
            "abstain_below": self.abstain_below,
            "metric": self.metric,
        }

    @classmethod
    def from_json(cls, content: Any) -> Decision:
        """Return the decision that `to_json` gave.

        Raises:
            FileFormatError: a key that is missing or unknown, or values that make no decision.
        """
        if not isinstance(content, Mapping) or set(content) != _KEYS:
            raise FileFormatError(f"A decision has the keys {sorted(_KEYS)}: {shown(content)}")
        lists = [content[key] for key in ("classes", "thresholds")]
        if not all(isinstance(one, list) for one in lists) or not lists[1]:
            raise FileFormatError("classes and thresholds of a decision are lists, one each")
        try:
            return cls(**{**content, "classes": tuple(lists[0]), "thresholds": tuple(lists[1])})
        except (DataError, TypeError) as error:
            raise FileFormatError(f"The file holds no decision: {error}") from error

    def _table(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        check = label_probabilities if self.multi_label else class_probabilities
        table = check("probabilities", probabilities)
        if table.shape[1] != len(self.classes):
            raise DataError(
                f"probabilities has {table.shape[1]} columns; this decision is of "
                f"{len(self.classes)} classes."
            )
        return table

    def _untuned(self) -> tuple[float, ...]:
        count = len(self.classes)
        return (0.5 if self.multi_label is True else 1 / max(count, 1),) * count

    def _problem(self) -> str:
        many: Any = self.multi_label
        metric: Any = self.metric
        if not isinstance(many, bool):
            return f"multi_label is {shown(many)}; accepted are True and False"
        if not all(isinstance(name, str) for name in self.classes):
            return f"its classes are {shown(self.classes)}; accepted are strings"
        if len(set(self.classes)) < max(len(self.classes), 1 if self.multi_label else 2):
            return f"its classes are {shown(self.classes)}; give two or more, each once"
        if len(self.thresholds) != len(self.classes):
            return f"{len(self.classes)} classes have {len(self.thresholds)} thresholds"
        # False for NaN too.
        if not all(is_number(one) and 0 < one <= 1 for one in self.thresholds):
            return f"its thresholds are {shown(self.thresholds)}; accepted are those in (0, 1]"
        if not self.multi_label and not math.isclose(sum(self.thresholds), 1, abs_tol=1e-9):
            return f"its thresholds sum to {sum(self.thresholds)}; those of one class a text to 1"
        if not is_number(self.abstain_below) or not 0 <= self.abstain_below <= 1:
            return f"abstain_below is {shown(self.abstain_below)}; accepted is 0 to 1"
        if self.multi_label and self.abstain_below:
            return "abstain_below is of no use among many labels; raise their thresholds"
        if not (metric is None or isinstance(metric, str)):
            return f"metric is {shown(metric)}; accepted are a name and None"
        return ""


class Covered(NamedTuple):
    """What is right among the texts that get a class at one `abstain_below`."""

    abstain_below: float
    decided: int
    right: int
    texts: int

    @property
    def coverage(self) -> float:
        """The share of texts that get a class."""
        return self.decided / self.texts

    @property
    def accuracy(self) -> float:
        """The share that is right of those that get a class; one if none does."""
        return self.right / self.decided if self.decided else 1.0


def covered(
    decision: Decision,
    probabilities: ArrayLike,
    codes: ArrayLike,
    coverages: Iterable[float] = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5),
) -> list[Covered]:
    """Return how accurate a decision is where it decides only the surest texts.

    For each coverage, the largest `abstain_below` at which at least that share of these texts gets
    a class: texts as sure as the last one get theirs too. What the decision itself abstains below
    does not count.

    Args:
        decision: of one class a text.
        probabilities: (texts, classes), of texts that its thresholds were not tuned on.
        codes: (texts,), the column of each text's class.
        coverages: from above 0 to 1.

    Raises:
        DataError: probabilities or codes that do not fit, or a coverage out of range.
    """
    if not isinstance(coverages, Iterable):
        raise DataError(f"coverages is {shown(coverages)}; give a list of shares.")
    table = class_probabilities("probabilities", probabilities)
    answers = class_codes(codes, table.shape)
    given = Decision(decision.classes, decision.thresholds, decision.multi_label).codes(table)
    sure = np.sort(table.max(axis=1))[::-1]
    found = []
    for coverage in coverages:
        if not is_number(coverage) or not 0 < coverage <= 1:
            raise DataError(f"A coverage is {shown(coverage)}; accepted is above 0 and up to 1.")
        # Less a hair: 0.7 · 10 may be a little above 7.
        last = max(math.ceil(coverage * len(sure) - 1e-9), 1) - 1
        least = min(float(sure[last]), 1.0)  # a sum of one may be missed by rounding
        decided = table.max(axis=1) >= least
        right = int((given[decided] == answers[decided]).sum())
        found.append(Covered(least, int(decided.sum()), right, len(sure)))
    return found
