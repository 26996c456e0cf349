"""fast.ai's two language models of WikiText-103, fetched when they are asked for by name."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.console import note
from steadfit.core.errors import FileFormatError
from steadfit.core.home import home
from steadfit.core.lock import process_lock
from steadfit.files.fastai_import import import_fastai
from steadfit.text.datasets import URLs, untar_data

FETCHED = {URLs.WT103_FWD: False, URLs.WT103_BWD: True}  # and whether each reads backwards


def wt103_folder(name: str, backwards: bool = False) -> Path:
    """Return the model folder of "wt103-fwd" or "wt103-bwd", made on the first call.

    That call alone opens a connection, by `untar_data`, for 105 MB; an archive that was put by
    hand where `untar_data` looks for it does without. What is fetched is read by an allow-list
    and never unpickled. The folder is kept under `models` in the folder for cached files. Of two
    processes that ask at once, one works and the other waits.

    Args:
        name: one of `FETCHED`.
        backwards: which direction is wanted.

    Raises:
        DataError: see `untar_data`.
        FileFormatError: the model reads in the other direction (nothing is fetched then), or the
            archive holds something else than a model of fastai.
    """
    if FETCHED[name] != backwards:
        there, wanted = ("forwards", "backwards") if backwards else ("backwards", "forwards")
        (other,) = FETCHED.keys() - {name}
        raise FileFormatError(
            f"{name} reads texts {there}, and a model that reads them {wanted} is asked for: that "
            f"is {other}. Nothing was fetched."
        )
    folder = home() / "models" / name
    if not folder.exists():
        with process_lock(folder.with_name(f"{name}.lock")):
            if not folder.exists():
                _make(name, folder)
    return folder


def _make(name: str, folder: Path) -> None:
    data = untar_data(name)
    (weights,), (vocab,) = data.glob("*.pth"), data.glob("*.pkl")
    import_fastai(weights, vocab, folder, FETCHED[name])
    note(f"{name} was imported from fastai's files and is kept in {folder}.")
