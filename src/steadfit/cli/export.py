"""`steadfit export`: a copy of a model in fewer bytes, or as an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from steadfit.cli.labelled_texts import OPTIONS
from steadfit.cli.model_folder import megabytes, read_classifier, size_on_disk
from steadfit.cli.places import refuse_existing
from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.compact import Numbers
from steadfit.files.model_folder import load_model, save_model
from steadfit.files.onnx_folder import save_onnx
from steadfit.inference.ensemble_folder import is_ensemble, read_ensemble_config, save_ensemble


def run_export(
    folder: Path, out: Path, *, int8: bool, float16: bool, onnx: bool, overwrite: bool
) -> None:
    """Write the copy and print both sizes.

    Raises:
        SteadfitError: the folder is no model's; `out` exists, or is the model itself; an ONNX
            graph is asked for of more than a network, or without its libraries.
    """
    if out.resolve() == folder.resolve():
        raise DataError(f"{out} is the model itself; name another folder")
    refuse_existing(out, overwrite)
    numbers: Numbers = "int8" if int8 else "float16" if float16 else "float32"
    if onnx:
        _export_onnx(folder, out, "int8" if int8 else "float32")
    elif is_ensemble(folder):
        save_ensemble(out, read_classifier(folder), numbers, overwrite, _columns(folder))
    else:
        save_model(out, load_model(folder), numbers)
    sizes = f"{megabytes(size_on_disk(out))}, of {megabytes(size_on_disk(folder))}"
    say(f"{out}: {numbers}, {sizes}")
    if onnx:
        say("It holds the network alone; steadfit.inference.onnx_reader reads it.")
    elif numbers != "float32":
        say("What was rounded off can change labels: `steadfit evaluate` tells how many.")


def _export_onnx(folder: Path, out: Path, numbers: Literal["float32", "int8"]) -> None:
    """Write the graph of one network.

    Raises:
        DataError: it is a classifier's folder, which holds more than a graph does.
    """
    if is_ensemble(folder):
        networks = read_ensemble_config(folder)["networks"]
        named = " and ".join(str(folder / name) for name in networks)
        raise DataError(
            f"{folder} joins networks, a temperature, thresholds and NBSVM, which an ONNX graph "
            f"does not hold; export its networks one by one, each for itself: {named}"
        )
    save_onnx(out, load_model(folder), numbers)


def _columns(folder: Path) -> dict[str, str]:
    """Return the options beside a model, which say the columns that later commands read."""
    file = folder / OPTIONS
    return {OPTIONS: file.read_text(encoding="utf-8")} if file.is_file() else {}
