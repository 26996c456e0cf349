"""All choices of the recipe, as one value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from steadfit.core.checks import number, shown, whole_number
from steadfit.core.errors import DataError
from steadfit.inference.blend import RULES
from steadfit.recipe.base import AUTO
from steadfit.recipe.language_model import PIECES
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.text.tokenizer import SUBWORDS, WORDS

BOTH = "both"
BALANCED = "balanced"


@dataclass(frozen=True)
class Recipe:
    """All choices of the recipe.

    Attributes:
        base: the language model to begin with: `auto` (see `base_for`), a name, a folder, None.
        language_model: how it is trained on the task's own texts; None leaves it as it is.
        classifier: how the classifier is trained.
        sizes: of the network, as keys of its configuration, where there is no base.
        backwards: False, True, or "both" for two networks whose probabilities are averaged.
        held_out: share of the labelled texts that calibration and blend are fitted on.
        refit: train again on all labelled texts, with what was fitted on those held out.
        blend: with NBSVM: "auto" unless texts held out speak against it, "always", or None. NBSVM
            knows neither weights nor several labels a text: "auto" mixes nothing in then.
        self_training: share of the texts without labels that NBSVM learns from too, those of whose
            labels it and the networks are surest (see `steadfit.recipe.self_training`); 0 is none.
        seed: of everything that is drawn.
        tokenizer: "words" or "subwords"; a base of subwords brings its own.
        pieces: subwords at most.
        max_vocab: words at most, where the labelled texts alone make the vocabulary.
        class_weight: how much a class counts in training: "balanced", numbers by class, or None.
        calibrate: fit a temperature on the texts held out.
        metric: what thresholds are tuned for on the texts held out; None is no thresholds.
        abstain_below: a text whose largest probability is less gets no class.
        patience: end a phase after more than so many epochs without a smaller loss on the texts
            held out, with the weights of its best epoch; None lets it run through.

    Raises:
        DataError: a choice that is none of these.
    """

    base: str | Path | None = AUTO
    language_model: LanguageModelSettings | None = field(default_factory=LanguageModelSettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    sizes: dict[str, Any] = field(default_factory=dict)
    backwards: bool | str = False
    held_out: float = 0.1
    refit: bool = False
    blend: str | None = "auto"
    self_training: float = 1.0
    seed: int = 0
    tokenizer: str = WORDS
    pieces: int = PIECES
    max_vocab: int = 60_000
    class_weight: str | Mapping[str, float] | None = None
    calibrate: bool = True
    metric: str | None = None
    abstain_below: float = 0.0
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.backwards not in (False, True, BOTH):
            raise _other("backwards", self.backwards, "False, True and 'both'")
        if self.blend not in (None, *RULES):
            raise _other("blend", self.blend, "'auto', 'always' and None")
        if self.tokenizer not in (WORDS, SUBWORDS):
            raise _other("tokenizer", self.tokenizer, "'words' and 'subwords'")
        if number("self_training", self.self_training) > 1:
            raise _other("self_training", self.self_training, "numbers from 0 to 1")
        if not 0 < number("held_out", self.held_out) < 1:
            raise _other("held_out", self.held_out, "numbers between 0 and 1")
        weights: Any = self.class_weight
        if not (weights is None or isinstance(weights, Mapping) or weights == BALANCED):
            raise _other("class_weight", weights, "'balanced', a number for each class, and None")
        if self.patience is not None:
            whole_number("patience", self.patience)
            if self.classifier.average_weights:
                raise DataError(
                    "early_stopping=True and average_weights=True each say with which weights a "
                    "phase ends; give one of them."
                )

    @property
    def directions(self) -> tuple[bool, ...]:
        """Whether each network reads backwards."""
        return (False, True) if self.backwards == BOTH else (bool(self.backwards),)

    def for_documents(self, labelled: int) -> Recipe:
        """Return it with what its language model leaves open filled in for so many documents."""
        if self.language_model is None:
            return self
        return replace(self, language_model=self.language_model.for_documents(labelled))

    def to_json(self) -> dict[str, Any]:
        """Return the choices as plain JSON values."""
        base = None if self.base is None else str(self.base)
        values = {**asdict(self), "base": base}
        plain: dict[str, Any] = json.loads(json.dumps(values, default=_plain))
        return plain


def _plain(value: Any) -> Any:
    """Return a number of numpy's as one of Python's; whatever else there is as text."""
    return value.item() if hasattr(value, "item") else str(value)


def _other(name: str, value: object, accepted: str) -> DataError:
    return DataError(f"{name} is {shown(value)}; accepted are {accepted}.")
