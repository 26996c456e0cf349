"""The English base model, both directions: trained from general text, kept as a package's data.

Texts are of free licence: speeches, novels, Wikipedia articles, documentation, the Brown corpus.
`--text` names another training file; the validation file stands beside it, `train` replaced by
`valid` in its name. A direction that lies in the package as this recipe makes it is not trained
again; `--fresh` trains it all the same. The backward model begins with the forward one that is
installed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments._general_text import corpus, documents
from experiments._pretraining import Pretraining, judged, megabytes, pretrain, trimmed
from experiments._report import Found, Options
from experiments._runs import ROOT, Run, run_all
from steadfit.core.errors import DataError
from steadfit.files.model_folder import load_model, save_model
from steadfit.files.pretrained import DIRECTIONS
from steadfit.models.language_model import LanguageModel

TEXT = Path("experiments") / "data" / "general.train.txt.xz"
PACKAGE = ROOT / "models" / "steadfit-base-en" / "src" / "steadfit_base_en"
FULL = Pretraining(vocab=24_000, emb_sz=320, epochs=2, rows=32, drop_mult=0.1)
# Begins with the forward model, whose words are the same, and needs one pass less.
BACKWARD = replace(FULL, backwards=True, epochs=1, sampled=True, start="base-en")
SHIPPED = 23_500  # tokens: with them the folder is just below 25 MB
QUICK = {"vocab": 2_000, "emb_sz": 16, "n_hid": 32, "n_layers": 2, "epochs": 1, "words": 20_000}
QUICK["start"] = None
_STAMP = ("commit", "made_on")
_NO_FIGURES = ("text", "how", *_STAMP)


def run(options: Options) -> Found:
    """Train both directions; outside of a quick run the package gets them."""
    recipes = {name: BACKWARD if way else FULL for way, name in DIRECTIONS.items()}
    figures: dict[str, Any] = {}
    if not (options.quick or options.fresh or options.text):
        figures = {name: there for name in recipes if (there := shipped(name, recipes[name]))}
        if figures:
            print(f"in the package already: {', '.join(figures)}", flush=True)
    missing = [name for name in recipes if name not in figures]
    made = [training(options, recipes[name]) for name in missing]
    threads = max(1, (os.cpu_count() or 1) // options.jobs)
    done = run_all(made, options.jobs, options.fresh, threads)
    for name, begun, one in zip(missing, made, done, strict=True):
        figures[name] = _figures(one)
        if not options.quick:
            figures[name] |= ship(_beside(begun.file, "model"), one["text"], PACKAGE / name)
    runs = [*done, *(stamp_of(name) for name in recipes if name not in missing)]
    return Found(figures, runs, _table({name: figures[name] for name in recipes}))


def shipped(direction: str, how: Pretraining) -> dict[str, Any] | None:
    """Return the figures of a model that lies in the package, if this recipe has made it."""
    folder = PACKAGE / direction
    with suppress(FileNotFoundError):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("recipe") == how.settings():
            metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text("utf-8"))
            return {**metrics, "megabytes": megabytes(folder)}
    return None


def stamp_of(direction: str) -> dict[str, Any]:
    """Return at which commit and on what a model in the package was trained, where it says so."""
    config = json.loads((PACKAGE / direction / "config.json").read_text(encoding="utf-8"))
    return {"direction": direction, **{name: config[name] for name in _STAMP if name in config}}


def ship(trained: Path, text: str, folder: Path) -> dict[str, Any]:
    """Write a model without its rarest words, so that it is small enough; return its figures."""
    saved = trimmed(load_model(trained, kind="language-model"), SHIPPED)
    assert isinstance(saved.model, LanguageModel)
    _, valid = beside(text)
    found = judged(saved.model, saved.tokenizer, list(documents(valid)), saved.backwards)
    parameters = sum(p.numel() for p in saved.model.parameters())
    metrics = {**saved.metrics, "parameters": parameters, **found}
    save_model(folder, replace(saved, metrics=metrics), numbers=FULL.numbers)
    return {**metrics, "megabytes": megabytes(folder)}


def training(options: Options, how: Pretraining) -> Run:
    """Return the training of a model on the text the options name, tiny if they say quick."""
    if options.quick:
        how = replace(how, **QUICK)
    return _run(str(options.text or TEXT), how.settings())


def one(text: str, how: dict[str, Any]) -> dict[str, Any]:
    """Train one model, in one direction; it goes on where it was stopped."""
    recipe = Pretraining(**how)
    train, valid = beside(text)
    run = _run(text, how)
    texts = corpus(train, valid, recipe.words)
    return pretrain(recipe, texts, _beside(run.file, "model"), run.checkpoints)


def beside(text: str) -> tuple[Path, Path]:
    """Return the training file and the validation file that stands beside it.

    Raises:
        DataError: the name of the training file does not hold the word `train`.
    """
    train = Path(text)
    valid = train.with_name(train.name.replace("train", "valid"))
    if valid == train:
        raise DataError(
            f"{train} does not have `train` in its name, so the validation file beside it is not "
            "known. Call them, for example, my.train.txt and my.valid.txt."
        )
    return train, valid


def _run(text: str, how: dict[str, Any]) -> Run:
    run = Run("experiments.base_model:one", {"text": text, "how": how})
    return replace(run, checkpoints=_beside(run.file, "checkpoints"))


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.stem}-{what}")


def _figures(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in _NO_FIGURES}


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [
        "| direction | parameters | MB | perplexity | bits per byte | tokens/s | minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, one in figures.items():
        lines.append(
            f"| {way} | {one['parameters']:,} | {one['megabytes']} | {one['perplexity']} | "
            f"{one['bits_per_byte']} | {one['tokens_per_second']:,} | "
            f"{one['training_seconds'] / 60:.0f} |"
        )
    return lines
