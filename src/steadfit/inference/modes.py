"""Whether a model is ready to answer."""

from __future__ import annotations

from torch import nn

from steadfit.core.errors import DataError


def require_evaluation_mode(model: nn.Module) -> None:
    """Check that nothing of a model is in training mode.

    Raises:
        DataError: something is. Dropout would make every answer another; and the mode is the
            owner's to change, who may be training the model just now.
    """
    if any(module.training for module in model.modules()):
        raise DataError(
            "The model is in training mode, in which dropout makes every answer another: call "
            "model.eval() first, or give copy.deepcopy(model).eval() while it trains."
        )
