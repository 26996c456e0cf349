"""Writes a classifier as an ONNX graph, with all that a reader of it needs, in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from steadfit.core.atomic import atomic_folder, write_json, write_text
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import may_be_replaced, sealed
from steadfit.files.model_folder import SavedModel
from steadfit.files.onnx_format import (
    CONFIG,
    FORMAT,
    FORMAT_VERSION,
    GRAPH,
    TOKENIZER,
    library,
    onnx_card,
)
from steadfit.files.onnx_graph import window_graph
from steadfit.files.tensors import file_digest
from steadfit.models.classifier import TextClassifier


def save_onnx(
    folder: str | Path, saved: SavedModel, numbers: Literal["float32", "int8"] = "float32"
) -> Path:
    """Write the folder, whole or not at all; one of this format that stands there is replaced.

    Args:
        folder: the name to take.
        saved: a classifier, with its tokenizer and classes.
        numbers: "float32", or "int8": ONNX Runtime quantizes the matrices of LSTMs, a scale for
            each unit of a gate, and their inputs as they come; words are stored in float16.

    Raises:
        MissingExtraError: onnx, or for int8 onnxruntime, is not installed.
        DataError: it is no classifier, or too large for an ONNX file.
        FileFormatError: something else stands there; it is left alone.
    """
    folder = Path(folder)
    if not isinstance(saved.model, TextClassifier):
        raise DataError(
            f"A model of kind {saved.kind} was given; a classifier can be written as ONNX. Train "
            "one from it, or export it without --onnx."
        )
    if folder.exists() and not may_be_replaced(folder, CONFIG, FORMAT):
        raise FileFormatError(
            f"{folder} exists and is not a folder of an ONNX graph, so it is not replaced. "
            "Choose another name."
        )
    graph = window_graph(saved.model, half_words=numbers == "int8")
    config: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "numbers": numbers,
        "classes": list(saved.classes),
        "multi_label": saved.model.multi_label,
        "backwards": saved.backwards,
        "units": [units for _, units in saved.model.config.layer_sizes],
        "tokenizer_fingerprint": saved.tokenizer.fingerprint,
    }
    with atomic_folder(folder) as fresh:
        if numbers == "int8":
            _quantized(graph, fresh / GRAPH)
        else:
            (fresh / GRAPH).write_bytes(graph.SerializeToString())
        saved.tokenizer.save(fresh / TOKENIZER)
        config["graph_sha256"] = file_digest(fresh / GRAPH)
        write_json(fresh / CONFIG, sealed(config))
        write_text(fresh / "README.md", onnx_card(config))
    return folder


def _quantized(graph: Any, out: Path) -> None:
    """Write the graph with its LSTMs in int8."""
    quantization = library("onnxruntime.quantization")
    # The types and shapes that its own preparation would add were checked when the graph was made;
    # without this mark it prints advice.
    graph.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    quantization.quantize_dynamic(
        graph,
        out,
        op_types_to_quantize=["LSTM"],
        per_channel=True,
        # Weights in 7 bits: on processors without AVX-512 for int8 ONNX Runtime adds two products
        # in 16 bits, which is too little for 8.
        reduce_range=True,
        weight_type=quantization.QuantType.QInt8,
    )
