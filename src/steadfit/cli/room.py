"""How much disk a training takes, compared with what there is before it begins."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Mapping
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from steadfit.cli.model_folder import megabytes
from steadfit.cli.train_texts import Texts
from steadfit.core.errors import DiskError
from steadfit.core.json_files import read_json
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.files.pretrained import installed_models, pretrained_folder
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS
from steadfit.recipe.base import AUTO, ENGLISH
from steadfit.recipe.settings import LanguageModelSettings

_WEIGHT = 4  # bytes
_CHECKPOINT = 3  # weights, and Adam's two means of each
_OF_A_FIT = 3  # two of it, and one while the next is written
_CHECKPOINTS = 8  # two of an open fit, one of each finished one, and a language model's
_TOKEN = 4  # bytes; a token has four characters or more on average
_CHARACTERS_OF_A_TOKEN = 4


def require_room(texts: Texts, model: TextClassifier, out: Path, checkpoints: Path) -> None:
    """Check that model, checkpoints and tokens will find room; the estimate is on the safe side.

    Raises:
        DiskError: there is less.
    """
    limit = model.vocab_size or LanguageModelSettings().max_vocab
    networks = 2 if model.backwards == "both" else 1
    weights = networks * weights_of(model.pretrained, model.sizes, limit)
    _require(weights, _CHECKPOINTS, chain(*_parts(texts)), out, checkpoints)


def require_room_for_language_model(
    texts: Iterable[str],
    base: str | Path | None,
    sizes: Mapping[str, Any],
    words: int,
    out: Path,
    checkpoints: Path,
) -> None:
    """Check the same for a language model alone; see `require_room`."""
    _require(weights_of(base, sizes, words), _OF_A_FIT, texts, out, checkpoints)


def _require(weights: int, kept: int, texts: Iterable[str], out: Path, checkpoints: Path) -> None:
    needed = {
        out: _WEIGHT * weights,
        checkpoints: _WEIGHT * weights * _CHECKPOINT * kept
        + _TOKEN * sum(map(len, texts)) // _CHARACTERS_OF_A_TOKEN,
    }
    disks: dict[int, tuple[Path, int]] = {}
    for place, size in needed.items():
        above = _standing(place)
        disk = above.stat().st_dev
        disks[disk] = above, disks.get(disk, (above, 0))[1] + size
    for above, size in disks.values():
        if (free := shutil.disk_usage(above).free) < size:
            raise DiskError(
                f"{above} has {megabytes(free)} free, and this training may take "
                f"{megabytes(size)} (model, checkpoints and tokens); make room, or name other "
                "places by --out and --checkpoint-dir. Nothing was begun",
                errno.ENOSPC,
            )


def weights_of(base: str | Path | None, sizes: Mapping[str, Any] | None, words: int) -> int:
    """Return how many weights a network will have, about: of words as many as are allowed."""
    sizes = {**LANGUAGE_MODEL_DEFAULTS, **_sizes_of_base(base), **(sizes or {})}
    emb, units, layers = (int(sizes[name]) for name in ("emb_sz", "n_hid", "n_layers"))
    widths = [emb, *[units] * (layers - 1), emb]
    recurrent = sum(4 * above * (below + above + 2) for below, above in pairwise(widths))
    return words * emb + recurrent


def _sizes_of_base(name: str | Path | None) -> Mapping[str, Any]:
    if name == AUTO:
        name = ENGLISH if ENGLISH in installed_models() else None
    if name is None or (not Path(name).exists() and name not in installed_models()):
        return {}
    return read_json(pretrained_folder(name) / "config.json", "").get("model", {})


def _parts(texts: Texts) -> list[Any]:
    given = [texts.train, texts.valid]
    return [*(part.texts for part in given if part is not None), texts.unlabeled]


def _standing(place: Path) -> Path:
    """Return the folder above a place that is there already."""
    above = place.absolute()
    while not above.exists():
        above = above.parent
    return above
