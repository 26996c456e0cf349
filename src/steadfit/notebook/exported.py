"""`load_learner`."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.checks import a_path
from steadfit.core.errors import FileFormatError
from steadfit.files.model_folder import load_model
from steadfit.inference.predictor import Predictor
from steadfit.inference.writer import Writer
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.notebook.names import folder_name


def load_learner(path: str | Path, file: str | None = None) -> Predictor | Writer:
    """Read what `export` wrote: a `Predictor` for a classifier, a `Writer` for a language model.

    Args:
        path: the model folder, or the folder it is in.
        file: the model folder's name below `path`, as fastai takes it.

    Raises:
        FileFormatError: see `load_model`.
    """
    folder = a_path("path", path).expanduser()
    if file is not None:
        folder = folder / folder_name(file)
    elif folder.suffix in (".pkl", ".pth"):
        folder = folder.with_suffix("")
    elif not (folder / "config.json").exists() and (folder / "export").is_dir():
        folder = folder / "export"
    _refuse_pickle(folder)
    saved = load_model(folder)
    if isinstance(saved.model, LanguageModel):
        return Writer(saved.model, saved.tokenizer, saved.backwards)
    if isinstance(saved.model, TextClassifier):
        return Predictor(
            saved.model, saved.tokenizer, saved.classes, saved.backwards, engine="float32"
        )
    raise FileFormatError(
        f"{folder} holds an encoder, which labels and writes nothing; load_learner reads what "
        "export or save wrote. Use learn.load_encoder for an encoder."
    )


def _refuse_pickle(folder: Path) -> None:
    for ending in (".pkl", ".pth"):
        file = folder.with_name(folder.name + ending)
        if file.is_file() and not folder.exists():
            raise FileFormatError(
                f"{file} is a pickle, as fastai exports it. It can run code when opened, so it was "
                "not opened. load_learner reads the folder that Steadfit's export wrote; train "
                "again and export, or take the encoder over (docs/migrating.md)."
            )
