"""A classifier as an ONNX graph that reads one window of documents and hands its state on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.files.onnx_format import library
from steadfit.models.classifier import TextClassifier
from steadfit.models.recurrent import layer_weights

OPSET, IR_VERSION = 17, 8  # of 2022, so that runtimes of the last years read it
MOST_BYTES = 2**31 - 2**20  # a protocol buffer ends at 2 GiB


def window_graph(model: TextClassifier, half_words: bool = False) -> Any:
    """Return an `onnx.ModelProto` that reads one window, as `TextClassifier.forward` does.

    A document of any length goes through it window by window, in memory that does not grow: what
    comes out is put in again with the next window, by the same names with `next_` before them.

    - In: `tokens (rows, steps)`, int64; `lengths (rows,)`, int32, real steps of each row, one or
      more; of each layer `h_N` and `c_N (rows, units)`; of the pooling (see `ConcatPool`)
      `largest` and `total (rows, units)`; `count (rows,)`, int64, tokens read before.
    - Out: `logits (rows, classes)` of what was read so far, and each of the others as `next_NAME`.

    Documents start with zeros everywhere, and −inf in `largest`.

    Args:
        model: as it is in evaluation; it is not changed.
        half_words: store the embedding in float16; the graph computes in float32 all the same.

    Raises:
        MissingExtraError: the library onnx is not installed.
        DataError: the weights are more than an ONNX file can hold.
    """
    onnx = library("onnx")
    size = sum(one.numel() for one in model.parameters()) * 4
    if size > MOST_BYTES:
        raise DataError(
            f"The model has {size / 1e9:.1f} GB of weights, and an ONNX file holds 2 GB; "
            "export it without --onnx."
        )
    build = _Builder(onnx)
    build.input("tokens", "INT64", "rows", "steps")
    build.input("lengths", "INT32", "rows")
    hidden = _words(build, model, half_words)
    final = ""
    for number, layer in enumerate(model.encoder.rnns):
        hidden, final = _lstm(build, number, layer, hidden)
    pooled = _pooling(build, model.encoder.units, hidden, final)
    _head(build, model, pooled)
    return build.model()


class _Builder:
    """Collects the nodes, weights, inputs and outputs of a graph."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, type: str, *shape: str | int) -> None:
        self._inputs.append(self._value(name, type, shape))

    def output(self, name: str, type: str, *shape: str | int) -> None:
        self._outputs.append(self._value(name, type, shape))

    def carried(self, name: str, type: str, *shape: str | int) -> str:
        """Declare what a window takes from the one before, and return what it hands on."""
        self.input(name, type, *shape)
        self.output(f"next_{name}", type, *shape)
        return f"next_{name}"

    def weight(self, name: str, value: NDArray[Any]) -> str:
        self._weights.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        node = self._onnx.helper.make_node(
            kind, inputs, list(outputs), name=f"make_{outputs[0]}", **attributes
        )
        self._nodes.append(node)
        return outputs[0]

    def type(self, name: str) -> int:
        return int(self._onnx.TensorProto.DataType.Value(name))

    def model(self) -> Any:
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, "window", self._inputs, self._outputs, self._weights)
        model = helper.make_model(
            graph,
            producer_name="steadfit",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _value(self, name: str, type: str, shape: tuple[str | int, ...]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self.type(type), shape)


def _words(build: _Builder, model: TextClassifier, half: bool) -> str:
    """Look the words up, steps first, as ONNX Runtime's LSTM reads them."""
    table = _array(model.encoder.embedding.weight)
    build.weight("words", table.astype(np.float16) if half else table)
    build.node("Transpose", ["tokens"], "steps_first", perm=[1, 0])
    found = build.node("Gather", ["words", "steps_first"], "embedded", axis=0)
    if half:
        found = build.node("Cast", [found], "embedded_float", to=build.type("FLOAT"))
    return found


def _lstm(build: _Builder, number: int, layer: nn.Module, x: str) -> tuple[str, str]:
    """Add a layer; return its outputs `(steps, rows, units)` and the last real one `(rows, units)`.

    `sequence_lens` stops each row at its own length, so padding changes no state.
    """
    weights = layer_weights(layer)
    units = weights.units
    parts = {
        "W": _gates(weights.ih),
        "R": _gates(weights.hh),
        "B": np.concatenate([_gates(weights.bias_ih), _gates(weights.bias_hh)]),
    }
    names = [build.weight(f"{name}_{number}", value[None]) for name, value in parts.items()]
    first = build.weight(f"axis_{number}", np.array([0]))
    second = build.weight(f"direction_{number}", np.array([1]))
    after = [build.carried(f"{name}_{number}", "FLOAT", "rows", units) for name in ("h", "c")]
    before = [
        build.node("Unsqueeze", [f"{name}_{number}", first], f"{name}_{number}_before")
        for name in ("h", "c")
    ]
    made = [f"{name}_{number}" for name in ("y", "y_h", "y_c")]
    build.node("LSTM", [x, *names, "lengths", *before], *made, hidden_size=units)
    for name, out in zip(made[1:], after, strict=True):
        build.node("Squeeze", [name, first], out)
    return build.node("Squeeze", [made[0], second], f"outputs_{number}"), after[0]


def _pooling(build: _Builder, units: int, hidden: str, final: str) -> str:
    """Add the running pooling; return `(rows, 3 * units)`: last, largest and mean output."""
    largest, total = (build.carried(name, "FLOAT", "rows", units) for name in ("largest", "total"))
    count = build.carried("count", "INT64", "rows")
    zero, one = build.weight("zero", np.array(0)), build.weight("one", np.array(1))
    behind = build.weight("behind", np.array([-1]))
    build.node("Shape", ["steps_first"], "shape")
    build.node("Gather", ["shape", zero], "step_count")
    build.node("Range", [zero, "step_count", one], "step_numbers")
    build.node("Unsqueeze", ["step_numbers", behind], "step_column")
    build.node("Cast", ["lengths"], "lengths_long", to=build.type("INT64"))
    build.node("Less", ["step_column", "lengths_long"], "is_real")
    real = build.node("Unsqueeze", ["is_real", behind], "real")
    for name, padding in (("largest", -np.inf), ("total", 0)):
        fill = build.weight(f"{name}_padding", np.array(padding, np.float32))
        build.node("Where", [real, hidden, fill], f"{name}_of")
    build.node("ReduceMax", ["largest_of"], "largest_here", axes=[0], keepdims=0)
    steps = build.weight("step_axis", np.array([0]))  # an input of the one, not yet of the other
    build.node("ReduceSum", ["total_of", steps], "total_here", keepdims=0)
    build.node("Max", ["largest", "largest_here"], largest)
    build.node("Add", ["total", "total_here"], total)
    build.node("Add", ["count", "lengths_long"], count)
    build.node("Cast", [count], "count_float", to=build.type("FLOAT"))
    build.node("Unsqueeze", ["count_float", behind], "count_column")
    build.node("Div", [total, "count_column"], "mean")
    return build.node("Concat", [final, largest, "mean"], "pooled", axis=1)


def _head(build: _Builder, model: TextClassifier, pooled: str) -> None:
    """Add the head; in evaluation its batch norms are linear, so they go into what follows them."""
    first_norm, _, first, _, second_norm, _, second = model.head
    for name, norm, linear in (("first", first_norm, first), ("second", second_norm, second)):
        weight, bias = _folded(norm, linear)
        build.weight(f"{name}_weight", weight)
        build.weight(f"{name}_bias", bias)
    build.node("Gemm", [pooled, "first_weight", "first_bias"], "units", transB=1)
    build.node("Relu", ["units"], "units_positive")
    build.output("logits", "FLOAT", "rows", model.n_classes)
    build.node("Gemm", ["units_positive", "second_weight", "second_bias"], "logits", transB=1)


def _folded(norm: nn.Module, linear: nn.Module) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return weight and bias of a linear layer behind a batch norm, in float64 on the way."""
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(linear, nn.Linear)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.detach().double() - norm.running_mean.double() * scale
    matrix = linear.weight.detach().double()
    bias = matrix @ shift
    if linear.bias is not None:
        bias = bias + linear.bias.detach().double()
    return _array(matrix * scale), _array(bias)


def _gates(value: Tensor) -> NDArray[Any]:
    """Reorder rows from PyTorch's gates (input, forget, cell, output) to ONNX's (i, o, f, c)."""
    i, f, c, o = np.split(_array(value), 4)
    return np.concatenate([i, o, f, c])


def _array(value: Tensor) -> NDArray[Any]:
    return value.detach().cpu().float().numpy()
