"""Tensors in safetensors files, pickles refused unopened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from steadfit.core.atomic import atomic_file
from steadfit.core.errors import FileFormatError

PICKLE_SUFFIXES = {".pkl", ".pickle", ".pth", ".pt", ".bin", ".ckpt", ".joblib", ".dill"}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")  # of a file in it, of none, of several parts


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to a safetensors file, whole or not at all.

    Of a model's weights leave those that are tied out (`without_ties`), or they stand there twice.
    """
    unique = {
        # A copy, because safetensors writes no two tensors that share memory.
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    with atomic_file(path) as file:
        file.write(save(unique))


def load_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        FileFormatError: the file is missing, is a pickle or is damaged; nothing is executed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"There is no weights file {path}.")
    if looks_like_pickle(path):
        raise FileFormatError(
            f"{path} is a pickle or a zip of pickles, not safetensors. It can run code when "
            "opened, so it was not opened. Save the model again with Steadfit."
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no iterator)
    except SafetensorError as error:
        raise FileFormatError(
            f"{path} is not a whole safetensors file ({error}). It was cut short or altered; "
            "take another copy or save the model again."
        ) from error


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Fill a model with the weights of a file; nothing changes unless all of them fit.

    Raises:
        FileFormatError: names or shapes differ; the message names them.
    """
    tensors = load_tensors(path)
    check_weights(model, tensors, path)
    fill(model, tensors)


def check_weights(model: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Raise unless these are the tensors of `model`, which may be on the meta device.

    Raises:
        FileFormatError: names or shapes differ; the message names them and `path`.
    """
    wanted = model.state_dict(keep_vars=True)
    tied = _tied_names(wanted)
    differences = [
        f"{name} is missing" for name in wanted if name not in tensors and name not in tied
    ]
    differences += [f"{name} is not known" for name in tensors if name not in wanted]
    differences += [
        f"{name} has the shape {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    differences += [
        f"{name} holds {tensors[name].dtype}"
        for name, value in wanted.items()
        if name in tensors and tensors[name].is_floating_point() != value.is_floating_point()
    ]
    if differences:
        shown = "; ".join(differences[:5]) + ("; …" if len(differences) > 5 else "")
        raise FileFormatError(
            f"The weights in {path} are of another model: {shown}. Build the model with the "
            "configuration that the weights were saved with."
        )


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy checked weights into a model; a tied one comes from the name it was saved under."""
    tied = _tied_names(model.state_dict(keep_vars=True))
    model.load_state_dict({**tensors, **{name: tensors[first] for name, first in tied.items()}})


def without_ties(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without those that stand under an earlier name as well."""
    tied = _tied_names(tensors)
    return {name: tensor for name, tensor in tensors.items() if name not in tied}


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def looks_like_pickle(path: Path) -> bool:
    """Tell by its first bytes whether a file is a pickle or a zip archive (PyTorch's format)."""
    with path.open("rb") as file:
        head = file.read(9)
    # A safetensors file begins with the length of its header, which may happen to look like
    # either, and goes on with the header.
    if head[4:] == b"\0\0\0\0{":
        return False
    return head.startswith(_ZIP) or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05")


def refuse_pickles(folder: Path) -> None:
    """Raise if a model folder holds any file that could be a pickle.

    Raises:
        FileFormatError: it names the file; nothing was opened as a pickle.
    """
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        if file.suffix.lower() in PICKLE_SUFFIXES or looks_like_pickle(file):
            raise FileFormatError(
                f"{file} looks like a pickle, which can run code when opened. A Steadfit model "
                "folder holds none; it was not opened. Remove the file if you trust the rest."
            )


def _tied_names(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names of tensors that stand under an earlier name as well, with that name."""
    first: dict[object, str] = {}
    tied = {}
    for name, tensor in tensors.items():
        # On the meta device there are no addresses, but there the parameters are the same object.
        place = tensor.data_ptr() or id(tensor)
        holder = first.setdefault((place, tensor.shape, tensor.stride()), name)
        if holder != name:
            tied[name] = holder
    return tied
