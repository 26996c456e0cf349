"""A model's layers, flat, as the notebook lists them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from steadfit.core.errors import DataError


def flatten_model(model: nn.Module) -> list[nn.Module]:
    """Return the modules of a model that have no modules inside, in their order.

    Weight dropout is functional here, so that no `ParameterModule` and no second embedding
    appear among them.
    """
    if not isinstance(model, nn.Module):
        raise DataError(f"model is a {type(model).__name__}; give learn.model, or any nn.Module.")
    return [module for module in model.modules() if not any(module.children())]


@dataclass(frozen=True)
class LayerTable:
    """Modules with their parameters and whether they train."""

    rows: tuple[tuple[nn.Module, int, bool], ...]

    @classmethod
    def of(cls, model: nn.Module) -> LayerTable:
        """List the modules of a model that have parameters."""
        rows = []
        for module in flatten_model(model):
            parameters = list(module.parameters())
            if parameters:
                count = sum(parameter.numel() for parameter in parameters)
                rows.append((module, count, parameters[0].requires_grad))
        return cls(tuple(rows))

    def __repr__(self) -> str:
        lines = [f"{'requires_grad':<14} {'parameters':>12}  module"]
        lines += [f"{grad!s:<14} {count:>12,}  {module}" for module, count, grad in self.rows]
        return "\n".join(lines)
