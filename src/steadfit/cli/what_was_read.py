"""Which texts a model learned from and was tested on, as a model's folder tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any


def what_was_read(files: Sequence[str | Path], texts: Iterable[str]) -> dict[str, Any]:
    """Return the names of files, how many texts are in them, and a fingerprint of the texts.

    Names stand without the folders above them, which are nobody's business but the maker's.
    """
    digest, count = blake2b(digest_size=16), 0
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
        count += 1
    names = ", ".join(Path(file).name or str(file) for file in files)
    return {"from": names, "texts": count, "fingerprint": digest.hexdigest()}


def fingerprint_of(*columns: Iterable[Any]) -> str:
    """Return what tells columns of labels, groups or numbers from others."""
    digest = blake2b(digest_size=16)
    for column in columns:
        for value in column:
            digest.update(repr(value).encode("utf-8", "surrogatepass") + b"\n")
        digest.update(b"\n")
    return digest.hexdigest()
