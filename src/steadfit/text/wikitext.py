"""WikiText-103, and the language models that fast.ai trained on it.

Merity et al. 2016, "Pointer Sentinel Mixture Models"; Howard & Ruder 2018 for the models.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from steadfit.core.errors import DataError
from steadfit.core.progress import progress
from steadfit.text.archive_sets import ArchiveSet
from steadfit.text.archives import Limits, unpack
from steadfit.text.download import Source

_PARTS = ("train", "valid", "test")
_TOKENS = re.compile(r"(?:[^/]+/)?wiki\.(train|valid|test)\.tokens")
# " = Title = " begins an article, " = = Section = = " does not.
_TITLE = re.compile(rb" = [^=](?:.*[^=])? = \r?\n")


def write_wikitext(archive: Path, folder: Path, counts: Mapping[str, int]) -> None:
    """Write one file an article into train, valid and test, numbered, byte by byte as it stands.

    `counts` is not needed: the archive is known by its hash.
    """
    whole = folder / "whole"
    limits = Limits(members=32, size=1_000_000_000)
    sizes = unpack(archive, whole, _place_tokens, limits)
    if len(sizes) != len(_PARTS):
        raise DataError(f"{archive} holds {sorted(sizes) or 'nothing'} of wiki.*.tokens, not three")
    for part in _PARTS:
        (folder / part).mkdir()
        with open(whole / f"{part}.tokens", "rb") as file:
            for number, article in enumerate(progress(_articles(file), f"laying out {part}")):
                (folder / part / f"{number:05}.txt").write_bytes(article)
    shutil.rmtree(whole)


def _place_tokens(name: str) -> str | None:
    match = _TOKENS.fullmatch(name)
    return f"{match[1]}.tokens" if match else None


def _articles(file: IO[bytes]) -> Iterator[bytes]:
    lines: list[bytes] = []
    blank = True
    for line in file:
        # A title stands between blank lines; formulas such as " = 3 = " in a text do not.
        if blank and _TITLE.fullmatch(line) and any(map(bytes.strip, lines)):
            yield b"".join(lines)
            lines = []
        lines.append(line)
        blank = not line.strip()
    if any(map(bytes.strip, lines)):
        yield b"".join(lines)


def write_weights(archive: Path, folder: Path, counts: Mapping[str, int]) -> None:
    """Write the two files of a pretrained model, unopened, under the names in `counts`."""
    names = {PurePosixPath(name).suffix: name for name in counts}

    def place(name: str) -> str | None:
        path = PurePosixPath(name)
        return None if path.name.startswith(".") else names.get(path.suffix)

    sizes = unpack(archive, folder, place, Limits(members=32, size=1_000_000_000))
    if set(sizes) != set(counts):
        raise DataError(f"{archive} holds {sorted(sizes) or 'nothing'}, not {sorted(counts)}")


WIKITEXT_103 = ArchiveSet(
    name="wikitext-103",
    sources=(
        Source(
            "wikitext-103-v1.zip",
            (
                "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-103-v1.zip",
                "https://wikitext.smerity.com/wikitext-103-v1.zip",
            ),
            md5="9ddaacaf6af0710eda8c456decff7832",
            sha256="242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590",
            most=250_000_000,
        ),
    ),
    contents=_PARTS,
    write=write_wikitext,
    counts={},
    otherwise="pretrain on text of your own",
)


def _weights(name: str, size: int, md5_of_first_mib: str, lstm: str) -> ArchiveSet:
    names = (f"{lstm}.pth", "itos_wt103.pkl")
    return ArchiveSet(
        name=name,
        sources=(
            Source(
                f"{name}.tgz",
                (f"https://s3.amazonaws.com/fast-ai-modelzoo/{name}.tgz",),
                size=size,
                md5_of_first_mib=md5_of_first_mib,
            ),
        ),
        contents=names,
        write=write_weights,
        counts=dict.fromkeys(names, 1),
        otherwise="train without pretrained weights (pretrained=False) and fine-tune a language "
        "model on text of your own, or on untar_data(URLs.MOVIE_REVIEWS)",
    )


WT103_FWD = _weights("wt103-fwd", 105_067_061, "7d1114cd9684bf9d1ca3c9f6a54da6f9", "lstm_fwd")
WT103_BWD = _weights("wt103-bwd", 105_205_312, "20b06f5830fd5a891d21044c28d3097f", "lstm_bwd")
