"""`steadfit export`: a copy of a model in fewer bytes."""

from __future__ import annotations

from pathlib import Path

from steadfit.cli.labelled_texts import OPTIONS
from steadfit.cli.model_folder import megabytes, read_classifier, size_on_disk
from steadfit.cli.places import refuse_existing
from steadfit.core.console import say
from steadfit.core.errors import DataError, NotYetError
from steadfit.files.compact import Numbers
from steadfit.files.model_folder import load_model, save_model
from steadfit.inference.ensemble_folder import is_ensemble, save_ensemble


def run_export(
    folder: Path, out: Path, *, int8: bool, float16: bool, onnx: bool, overwrite: bool
) -> None:
    """Write the copy and print both sizes.

    Raises:
        SteadfitError: the folder is no model's; `out` exists, or is the model itself; ONNX.
    """
    if onnx:
        raise NotYetError(
            "--onnx is not supported: documents of any length are read window by window, with a "
            "state that goes on, which a fixed graph does not do. --int8 and --float16 write "
            "smaller folders; `steadfit predict --engine int8` and steadfit.Predictor read them"
        )
    if out.resolve() == folder.resolve():
        raise DataError(f"{out} is the model itself; name another folder")
    refuse_existing(out, overwrite)
    numbers: Numbers = "int8" if int8 else "float16" if float16 else "float32"
    if is_ensemble(folder):
        save_ensemble(out, read_classifier(folder), numbers, overwrite, _columns(folder))
    else:
        save_model(out, load_model(folder), numbers)
    sizes = f"{megabytes(size_on_disk(out))}, of {megabytes(size_on_disk(folder))}"
    say(f"{out}: {numbers}, {sizes}")
    if numbers != "float32":
        say("What was rounded off can change labels: `steadfit evaluate` tells how many.")


def _columns(folder: Path) -> dict[str, str]:
    """Return the options beside a model, which say the columns that later commands read."""
    file = folder / OPTIONS
    return {OPTIONS: file.read_text(encoding="utf-8")} if file.is_file() else {}
