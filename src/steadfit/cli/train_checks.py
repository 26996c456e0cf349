"""Choices that the recipe looks at late, looked at before hours are spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steadfit.cli.sizes import named_or_none
from steadfit.cli.train_texts import Texts
from steadfit.core.checks import number
from steadfit.core.errors import DataError
from steadfit.inference.metrics import check_metric
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.text.values import names_of
from steadfit.training.class_loss import ClassLoss


def check_late_choices(options: Mapping[str, Any], texts: Texts) -> None:
    """Check what is used after the language model only, or after everything.

    Args:
        options: from `steadfit.cli.train_options.resolved`.
        texts: what is to be trained on.

    Raises:
        DataError: a metric, a probability, a smoothing, a factor or sizes that are none.
    """
    classes = tuple(sorted({name for label in texts.train.labels for name in names_of(label)}))
    metric = options.get("metric")
    if metric is not None and named_or_none(metric) is not None:
        check_metric(metric, classes)
    least = options.get("abstain_below", 0.0)
    if number("abstain_below", least) > 1:
        raise DataError(f"abstain_below is {least}; accepted is a number from 0 to 1.")
    ClassLoss(max(2, len(classes)), label_smoothing=options.get("label_smoothing", 0.0))
    # Of some words: what a size or a factor may be does not depend on how many there are.
    AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, 100, options.get("drop_mult", 1.0), options.get("sizes")
    )
