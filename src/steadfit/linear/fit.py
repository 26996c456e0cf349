"""What every linear model is made by: count, solve, calibrate, prune."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence, Sized
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import several_texts, shown
from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.linear.calibration import fit_scale, folds
from steadfit.linear.counting import count_new, least_documents
from steadfit.linear.model import LinearModel, check_texts, margins_of


class Solution(NamedTuple):
    """What was learned from counts; the fields as in `LinearModel`."""

    idf: NDArray[np.float32] | None
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


CHARACTERS = 50_000_000  # of texts that are learned from, at most


class Assumed(NamedTuple):
    """Texts with labels that nobody has confirmed, such as those another model gave them."""

    texts: Sequence[str]
    labels: Sequence[Hashable]


# Counts (texts, n-grams), the class of each text (texts,) and the number of classes.
Solver = Callable[[Any, NDArray[np.int64], int], Solution]


def fit_linear(
    solve: Solver,
    texts: Sequence[str],
    labels: Sequence[Hashable],
    classes: Sequence[Hashable] | None,
    calibrated: bool,
    assumed: Assumed | None = None,
) -> LinearModel:
    """Return what `solve` learns from texts.

    Memory is bounded: of texts with more than `CHARACTERS` together, some are left out, evenly from
    each class, and a line says so.

    Args:
        solve: learns from counts.
        texts: to learn from.
        labels: one for each text.
        classes: the order of the columns of margins and probabilities; None for that in which
            the labels first occur.
        calibrated: fit the scale of probabilities, on margins of texts held out in five parts.
            Counting is done once, but solving six times.
        assumed: more to learn from; no scale is fitted on it.

    Raises:
        DataError: a text is no string, as many labels as texts are needed, two classes, a text of
            each class, or something to count.
    """
    codes, names = _coded(texts, labels, classes)
    rows = _enough(texts, codes, CHARACTERS)
    if len(rows) < len(texts):
        say(f"A linear model of words learns from {len(rows):,} of {len(texts):,} texts.")
        texts, codes = [texts[row] for row in rows.tolist()], codes[rows]
    confirmed = len(codes)
    if assumed is not None and len(assumed.texts):
        texts, codes = _with(assumed, texts, codes, names)
    ngrams, counts = count_new(texts)
    idf, weights, bias = solve(counts, codes, len(names))
    scale = _scale(solve, counts, codes, len(names), confirmed) if calibrated else 1.0
    if idf is None:  # what weighs nothing changes nothing; with idf it counts in a text's norm
        used = np.flatnonzero((weights != 0).any(axis=1))
        used = used if len(used) else np.array([0])
        ngrams, weights = [ngrams[place] for place in used], weights[used]
    return LinearModel(tuple(names), tuple(ngrams), idf, weights, bias, scale)


def _with(
    assumed: Assumed, texts: Sequence[str], codes: NDArray[np.int64], names: list[Hashable]
) -> tuple[list[str], NDArray[np.int64]]:
    """Return texts and codes with those that are assumed behind, as far as there is room."""
    room = max(1, CHARACTERS - sum(map(len, texts)))
    code_of = {name: code for code, name in enumerate(names)}
    if unknown := {*assumed.labels} - {*names}:
        raise DataError(f"Labels {shown(sorted(map(str, unknown)))} were assumed that no text has.")
    more = np.array([code_of[label] for label in assumed.labels], dtype=np.int64)
    check_texts(assumed.texts)
    rows = _enough(assumed.texts, more, room)
    return [*texts, *(assumed.texts[row] for row in rows)], np.concatenate([codes, more[rows]])


def _enough(texts: Sequence[str], codes: NDArray[np.int64], characters: int) -> NDArray[np.int64]:
    """Return rows of texts that have about so many characters, at even steps in each class."""
    share = characters / max(characters, sum(map(len, texts)))
    kept = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        count = max(1, round(share * len(members)))
        kept.append(members[np.arange(count) * len(members) // count])
    return np.sort(np.concatenate(kept))


def _scale(
    solve: Solver, counts: Any, codes: NDArray[np.int64], classes: int, confirmed: int
) -> float:
    """Return the scale that fits margins of texts that were held out, part by part.

    Only the first so many, whose labels are confirmed, are held out.
    """
    margins, answers = [np.zeros((0, classes))], [codes[:0]]
    for part in folds(codes[:confirmed]):
        held_out = np.pad(part, (0, len(codes) - confirmed))
        learned = counts[~held_out]
        # Without those held out, some n-grams would not have been counted.
        known = np.flatnonzero(learned.getnnz(axis=0) >= least_documents(len(codes)))
        if len(known):
            learned = learned[:, known]  # in place of the whole: two need twice the memory
            solution = solve(learned, codes[~held_out], classes)
            margins.append(margins_of(counts[held_out][:, known], *solution))
            answers.append(codes[held_out])
    return fit_scale(np.concatenate(margins), np.concatenate(answers))


def _coded(
    texts: Sequence[str], labels: Sequence[Hashable], classes: Sequence[Hashable] | None
) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Return the column of each text's class, (texts,), and the classes."""
    several_texts(texts)
    if not (isinstance(texts, Sized) and isinstance(labels, Sized)):
        raise DataError("Texts and labels are to be lists, which have a length.")
    if len(texts) != len(labels):
        raise DataError(
            f"{len(texts)} training texts and {len(labels)} training labels were given: pass one "
            "label for each text."
        )
    check_texts(texts)
    try:
        met = dict.fromkeys(labels)
        names = list(met if classes is None else classes)
        hash(tuple(names))
    except TypeError as error:
        raise DataError(
            f"The labels are {shown(labels)}, the classes {shown(classes)} ({error}); give lists "
            "of strings or numbers."
        ) from error
    if len(names) < 2:
        raise DataError(f"{len(names)} classes to train on were given: two are needed at least.")
    if len(set(names)) != len(names) or set(names) != set(met):
        raise DataError(
            f"The classes {names} were given, the labels are {list(met)}: name each class that "
            "has a text once, and no other."
        )
    code_of = {name: code for code, name in enumerate(names)}
    return np.array([code_of[label] for label in labels], dtype=np.int64), names
