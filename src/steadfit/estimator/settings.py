"""What an estimator's parameters ask of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from steadfit.core.checks import LARGEST_SEED, number, shown, whole_number
from steadfit.core.errors import DataError
from steadfit.estimator.classes import Classes
from steadfit.estimator.places import at_home
from steadfit.inference.metrics import check_metric
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.recipe.choices import Recipe
from steadfit.recipe.settings import FIND, ClassifierSettings, LanguageModelSettings
from steadfit.recipe.weights import class_weights_of
from steadfit.text.tokenizer import SUBWORDS, WORDS
from steadfit.text.vocab import MARKERS

PATIENCE = 1  # of early stopping that is asked for without a number


def recipe_of(given: Mapping[str, Any], classes: Classes) -> Recipe:
    """Return the recipe for an estimator's parameters; None among them is the recipe's own number.

    Raises:
        DataError: a parameter that is not what is accepted.
    """
    _check(given, classes)
    penalties = _given(given, alpha="alpha", beta="beta", beta_norm="beta_norm")
    limit = given["vocab_size"]
    limit = None if limit is None else whole_number("vocab_size", limit, 1)
    language_model = None
    if given["language_model"]:
        changed = {**penalties, **_given(given, lm_lr="lr", lm_epochs="epochs")}
        if limit is not None and given["tokenizer"] == WORDS:
            changed["max_vocab"] = limit
        if "epochs" in changed:
            whole_number("lm_epochs", changed["epochs"], 1)
        language_model = replace(LanguageModelSettings(), **changed)
    names = ("lr", "batch_size", "drop_mult", "epochs")
    classifier = replace(
        ClassifierSettings(),
        schedule=given["schedule"],
        label_smoothing=given["label_smoothing"],
        average_weights=given["average_weights"],
        **penalties,
        **_given(given, **dict(zip(names, names, strict=True))),
    )
    vocab = {}
    if limit is not None:
        vocab = {"pieces" if given["tokenizer"] == SUBWORDS else "max_vocab": limit}
    return Recipe(
        base=None if given["pretrained"] is None else at_home("pretrained", given["pretrained"]),
        language_model=language_model,
        classifier=classifier,
        sizes=dict(given["sizes"] or {}),
        backwards=given["backwards"],
        held_out=given["held_out"],
        refit=given["refit"],
        blend=given["blend"],
        self_training=given["self_training"],
        seed=_seed(given["random_state"]),
        tokenizer=given["tokenizer"],
        class_weight=_class_weight(given["class_weight"], classes),
        calibrate=given["calibrate"],
        metric=given["metric"],
        abstain_below=given["abstain_below"],
        patience=_patience(given["early_stopping"]),
        **vocab,
    )


def _check(given: Mapping[str, Any], classes: Classes) -> None:
    """Check what would be found out only after a long training."""
    for name in ("language_model", "average_weights", "refit", "calibrate", "verbose"):
        if given[name] not in (True, False):
            raise DataError(f"{name} is {shown(given[name])}; accepted are True and False.")
    for name in ("lr", "lm_lr"):
        if given[name] not in (None, FIND) and not number(name, given[name]) > 0:
            raise DataError(f"{name} is {shown(given[name])}; give a positive number or 'find'.")
    if number("label_smoothing", given["label_smoothing"]) >= 1:
        raise DataError(
            f"label_smoothing is {given['label_smoothing']!r}; accepted is a number from 0 to "
            "below 1."
        )
    sizes = given["sizes"]
    if sizes is not None and not isinstance(sizes, Mapping):
        raise DataError(f"sizes is {shown(sizes)}; a dictionary is accepted: {{'n_hid': 400}}.")
    drop_mult = ClassifierSettings.drop_mult if given["drop_mult"] is None else given["drop_mult"]
    AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(MARKERS), drop_mult, dict(sizes or {}))
    if given["metric"] is not None:
        check_metric(given["metric"], classes.learned)
    if number("abstain_below", given["abstain_below"]) > 1:
        raise DataError(f"abstain_below is {given['abstain_below']!r}; accepted is 0 to 1.")
    if classes.many and given["abstain_below"]:
        raise DataError("abstain_below is for one class a text; of several labels tune thresholds.")
    if classes.many and given["blend"] == "always":
        raise DataError(
            "blend is 'always', but NBSVM gives each text one class, and these may have several; "
            "take 'auto' or None."
        )


def _given(parameters: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Return those of the parameters that are not None, each under its other name."""
    return {
        other: parameters[name] for name, other in names.items() if parameters[name] is not None
    }


def _patience(given: Any) -> int | None:
    if given in (None, False):
        return None
    return PATIENCE if given is True else whole_number("early_stopping", given)


def _class_weight(given: Any, classes: Classes) -> Any:
    """Return weights by the classes' names; a class that is not named counts one."""
    if not isinstance(given, Mapping):
        return given
    name_of = dict(zip(classes.values.tolist(), classes.names, strict=True))
    if unknown := [one for one in given if one not in name_of]:
        raise DataError(
            f"class_weight names {shown(unknown)}; the classes are "
            f"{shown(classes.values.tolist())}."
        )
    numbers = {name_of[one]: number(f"class_weight of {one!r}", n) for one, n in given.items()}
    learned = {name: weight for name, weight in numbers.items() if name not in classes.absent}
    class_weights_of(learned, classes.learned, ())  # refuses zeros alone
    return learned


def _seed(given: Any) -> int:
    if hasattr(given, "randint"):  # numpy's RandomState, as scikit-learn takes it
        return int(given.randint(2**31 - 1))
    if given is None:
        raise DataError("random_state is None; give a whole number, so that a fit can be repeated.")
    return whole_number("random_state", given, 0, LARGEST_SEED)
