"""What a fitted text classifier does: labels, probabilities, vectors, a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from steadfit.core.errors import DataError
from steadfit.estimator.classes import Classes
from steadfit.estimator.forms import TABLE
from steadfit.estimator.kept import as_bytes, from_bytes
from steadfit.estimator.places import at_home
from steadfit.estimator.sample_weights import weights_of
from steadfit.estimator.texts import texts_of
from steadfit.files.compact import Numbers
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import save_ensemble
from steadfit.inference.vectors import document_vectors

Probabilities = NDArray[np.float64]
Self = TypeVar("Self", bound="Trained")


class Trained(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The half of `TextClassifier` that needs no training.

    Attributes:
        classes_: (classes,), sorted, of the type in which labels were given.
        report_: what was reached on texts held out, and by what; plain JSON values.
        ensemble_: what predicts.
    """

    text: Any  # the columns of a table that hold the texts
    classes_: NDArray[Any]
    report_: dict[str, Any]
    ensemble_: Ensemble

    def predict_proba(self, texts: Any) -> Probabilities:
        """Return `(texts, classes)`, columns as `classes_`.

        Rows add up to one; where a text may have several labels each has a probability of its own,
        which is 0 for a column that was never one.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: texts that cannot be used.
        """
        check_is_fitted(self)
        table = self._table(texts)
        found = np.zeros((len(table), len(self.classes_)))
        found[:, self._places] = table
        return found

    def predict(self, texts: Any) -> Any:
        """Return the label of each text, `(texts,)`, in the type they were given in.

        None where the largest probability is below `abstain_below`. Of several labels: a list of
        tuples, or a table `(texts, classes)` of zeros and ones if such a one was given.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: texts that cannot be used.
        """
        check_is_fitted(self)
        return self._labels(self._table(texts))

    def score(self, texts: Any, labels: Any, sample_weight: Any = None) -> float:
        """Return the share of texts whose label, or set of labels, is the right one.

        A text whose label is missing is not right, nor is one whose class was never learned, nor
        one that is predicted to be None.

        Args:
            texts: as for `fit`.
            labels: in any form that `fit` takes, the one that was learned from.
            sample_weight: how much each text counts.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: texts, labels or weights that cannot be used.
        """
        check_is_fitted(self)
        wanted = self._classes.compared(labels)
        given = self._classes.compared(self.predict(texts))
        if len(wanted) != len(given):
            raise DataError(
                f"{len(given):,} texts and {len(wanted):,} labels were given; one for each is "
                "needed."
            )
        weights = None if sample_weight is None else weights_of(sample_weight, len(given))
        right = [a is not None and a == b for a, b in zip(wanted, given, strict=True)]
        return float(np.average(right, weights=weights))

    def encode(self, texts: Any) -> NDArray[np.float32]:
        """Return document vectors `(texts, 3 * units)`, of two directions side by side.

        They are what the head reads: the last, the largest and the mean output over all tokens.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: texts that cannot be used.
        """
        check_is_fitted(self)
        documents = texts_of(texts, self.text)
        parts = [document_vectors(one, documents) for one in self.ensemble_.networks]
        return np.concatenate(parts, axis=1)

    def save_pretrained(
        self, path: str | Path, overwrite: bool = False, numbers: Numbers = "float32"
    ) -> Path:
        """Write the classifier's folder, whole or not at all; no file in it is a pickle.

        Args:
            path: the name to take; "~" is the user's own folder.
            overwrite: replace a classifier's folder that stands there.
            numbers: what weights are stored in: "float32", "float16" or "int8".
        """
        check_is_fitted(self)
        return save_ensemble(at_home("path", path), self.ensemble_, numbers, overwrite)

    def _keep(self: Self, ensemble: Ensemble, classes: Classes) -> Self:
        self.ensemble_ = ensemble
        self.classes_ = classes.values
        self.report_ = ensemble.details.get("report", {})
        self._classes = classes
        return self

    @property
    def _places(self) -> list[int]:
        """Where each class of the ensemble stands in `classes_`."""
        place = {name: column for column, name in enumerate(self._classes.names)}
        return [place[name] for name in self.ensemble_.classes]

    def _table(self, texts: Any) -> Probabilities:
        """Return probabilities, columns in the order of the ensemble."""
        return self.ensemble_.probabilities(list(texts_of(texts, self.text)))

    def _labels(self, table: Probabilities) -> Any:
        decision = self.ensemble_.decision
        values = self.classes_[self._places]
        if self._classes.many == TABLE:
            marks = np.zeros((len(table), len(self.classes_)), np.int64)
            marks[:, self._places] = decision.marks(table)
            return marks
        if self._classes.many:
            return [tuple(values[row].tolist()) for row in decision.marks(table)]
        codes = decision.codes(table)
        if (codes >= 0).all():
            return values[codes]
        found = values.astype(object)[codes]
        found[codes < 0] = None
        return found

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "ensemble_" in state:
            state["_engine"] = state["ensemble_"].engine
            state["ensemble_"] = as_bytes(state["ensemble_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        engine = state.pop("_engine", "auto")  # pickles of before have none
        if files := state.get("ensemble_"):
            state["ensemble_"] = from_bytes(files, engine)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags
