"""The golden cases are what the loops make, and what the functions, modules and watch make."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadfit import penalties
from steadfit.penalties import modules
from tests.penalties import golden

WRITTEN = json.loads(golden.FILE.read_text(encoding="utf-8"))
MODULES = {
    "activation_regularization": modules.ActivationRegularization,
    "temporal_activation_regularization": modules.TemporalActivationRegularization,
    "norm_stabilizer": modules.NormStabilizer,
}
each_case = pytest.mark.parametrize("case", WRITTEN["cases"], ids=lambda case: case["name"])


def tensor(numbers: Any, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(numbers, dtype=dtype)


def close(found: object, expected: object) -> bool:
    """Equal, numbers to twelve digits: a root may differ in its last bit between systems."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(close(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(map(close, found, expected))
        )
    return found == (pytest.approx(expected, 1e-12) if isinstance(expected, float) else expected)


def test_the_file_is_what_the_generator_makes() -> None:
    assert close(WRITTEN, json.loads(golden.text()))
    assert len(golden.text()) < 60_000


def test_a_case_can_be_worked_out_by_hand() -> None:
    (case,) = (one for one in WRITTEN["cases"] if one["name"] == "worked out by hand")
    found = {name: one["value"] for name, one in case["penalties"].items()}
    assert found == {
        "activation_regularization": 2 * (1 + 4 + 16) / 3,
        "temporal_activation_regularization": (1 + 4) / 2,
        "norm_stabilizer": 50 * (1 + 4) / 2,
    }


@each_case
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_functions_agree(case: dict[str, Any], dtype: torch.dtype) -> None:
    for name, expected in case["penalties"].items():
        h = tensor(case["states"], dtype).requires_grad_()
        value = getattr(penalties, name)(h, expected["coefficient"], torch.tensor(case["lengths"]))
        (gradient,) = torch.autograd.grad(value, h)
        torch.testing.assert_close(value, tensor(expected["value"], dtype))
        torch.testing.assert_close(gradient, tensor(expected["gradient"], dtype))


@each_case
def test_a_watch_agrees(case: dict[str, Any]) -> None:
    model = nn.Sequential(nn.Identity())
    wanted = [MODULES[name](one["coefficient"]) for name, one in case["penalties"].items()]
    h = tensor(case["states"]).requires_grad_()
    with penalties.watch(model, {"0": wanted}, batch_first=True) as watched:
        watched.set_lengths(torch.tensor(case["lengths"]))
        model(h)
        value = watched.penalty()
    (gradient,) = torch.autograd.grad(value, h)
    of_all = case["penalties"].values()
    torch.testing.assert_close(value, tensor(sum(one["value"] for one in of_all)))
    torch.testing.assert_close(gradient, sum(tensor(one["gradient"]) for one in of_all))
