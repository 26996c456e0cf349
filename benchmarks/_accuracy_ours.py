"""Columns of `accuracy` that Steadfit's recipe makes, with the settings it has by default.

A language model of a direction is trained once, on all training reviews, and serves every draw; a
network is trained once for a draw and serves every column that holds it. Both go on where they were
stopped. Seconds are those that each training took, whoever asked for it first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks._accuracy_columns import Column
from benchmarks._accuracy_draws import Draw
from benchmarks._accuracy_reader import Reader
from benchmarks._accuracy_trained import Clock, NotMeasured, Trained, folder_mb
from benchmarks._harness import Options
from benchmarks._sides import HOME
from steadfit.core.atomic import write_json
from steadfit.core.errors import FileFormatError
from steadfit.files.pretrained import DIRECTIONS, installed_models, pretrained_folder
from steadfit.inference.ensemble_folder import save_ensemble
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.train import BOTH, Recipe, train_encoder, train_ensemble
from steadfit.recipe.work import Encoder
from steadfit.text.corpus import Corpus

FOLDER = HOME / "accuracy" / "ours"
BASE = "base-en"
SIZES = {"emb_sz": 320, "n_hid": 768, "n_layers": 3}  # the base model's, for what starts without


@dataclass(frozen=True)
class Ours:
    """A column.

    Attributes:
        base: the language model to begin with, or None.
        own: whether it is trained on all training reviews first.
        backwards: as of `Recipe`.
        blend: whether NBSVM is mixed in.
        changes: of the classifier's settings.
    """

    base: str | None = BASE
    own: bool = True
    backwards: bool | str = False
    blend: bool = False
    changes: dict[str, Any] = field(default_factory=dict)

    def recipe(self, seed: int) -> Recipe:
        """Return the recipe: the one by default, but for what the column is about."""
        return Recipe(
            base=self.base,
            language_model=LanguageModelSettings() if self.own else None,
            classifier=ClassifierSettings(**self.changes),
            sizes={} if self.base else SIZES,
            backwards=self.backwards,
            seed=seed,
        )

    def __call__(self, draw: Draw, options: Options) -> Trained:
        """Train on a draw."""
        recipe = self.recipe(draw.number).for_documents(len(draw.labelled))
        try:
            for way in recipe.directions:
                _base_digest(self.base, way)
        except FileFormatError as error:
            raise NotMeasured(str(error)) from error
        encoders = [encoder(draw.every_text, recipe, way) for way in recipe.directions]
        corpus = Corpus(draw.labelled.texts, draw.labelled.labels)
        corpus = hold_out(corpus, recipe.held_out, recipe.seed)
        folder = FOLDER / "networks" / _digest(draw.digest, self._network_settings(recipe))
        before = (folder / "held-out").exists()
        with Clock() as clock:
            unlabelled = draw.unlabelled if self.blend else ()
            ensemble = train_ensemble(corpus, recipe, encoders, folder, unlabeled=unlabelled)
        if not self.blend:
            ensemble = replace(ensemble, linear=None, weight=1.0)
        kept = save_ensemble(folder.with_name(f"{folder.name}-model"), ensemble)
        reader = Reader(ensemble, folder)
        return Trained(
            reader.labels,
            ensemble.details["training_seconds"],
            _processor_seconds(folder, recipe, clock, before),
            folder_mb(kept),
            sum(one.figures.get("seconds", 0.0) for one in encoders),
            documents_per_second=reader.documents_per_second,
            notes=ensemble.details["figures"],
        )

    def _network_settings(self, recipe: Recipe) -> dict[str, Any]:
        """Return what decides the networks' weights, but for the directions."""
        settings = _choices(replace(recipe, backwards=False, blend=None, self_training=0.0))
        return {**settings, "base": _base_digest(self.base)}

    def settings(self, labels: int) -> dict[str, Any]:
        """Return plain values: a cell computed with others is computed again."""
        recipe = self.recipe(0).for_documents(labels)
        found: dict[str, Any] = {"recipe": _choices(recipe), "mixed": self.blend}
        if self.base in installed_models():
            found["base_digest"] = _base_digest(self.base)
        return found


def _choices(recipe: Recipe) -> dict[str, Any]:
    """Return all choices but those that were added later and are not taken: cells stay kept."""
    found = asdict(recipe)
    if not recipe.classifier.average_weights:
        del found["classifier"]["average_weights"]
    if recipe.max_vocab == Recipe.max_vocab:
        del found["max_vocab"]
    return found


# What decides the weights of a language model; a number that is added later is none of it.
_DECIDING = ("epochs", "lr", "rows", "bptt", "drop_mult", "alpha", "beta", "beta_norm")
_DECIDING += ("max_vocab", "min_freq", "held_out", "clip", "sampled")


def encoder(texts: Sequence[str], recipe: Recipe, backwards: bool) -> Encoder:
    """Return what a classifier begins with; its language model is trained if it is not there.

    Its seed is the same for all draws.
    """
    recipe = replace(recipe, seed=0)
    base = recipe.base
    if recipe.language_model is None:
        return train_encoder(Corpus(texts), recipe, base, backwards, FOLDER)
    how = recipe.language_model
    settings = [
        {name: getattr(how, name) for name in _DECIDING},
        _base_digest(base, backwards),
        recipe.sizes,
        hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest(),
    ]
    folder = FOLDER / "language-models" / _digest(settings)
    trained = folder / f"language-model-{DIRECTIONS[backwards]}"
    with suppress(FileNotFoundError):  # two programs may begin with it at once
        figures = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))
        return Encoder(trained, figures)
    return train_encoder(Corpus(texts), recipe, base, backwards, folder)


def _processor_seconds(folder: Path, recipe: Recipe, clock: Clock, before: bool) -> float | None:
    """Return what all networks took of processors, kept beside those that were trained now.

    `before`: some were trained already when the clock began to run.
    """
    files = [folder / f"{DIRECTIONS[way]}-processor-seconds.json" for way in recipe.directions]
    fresh = [file for file in files if not file.exists()]
    if fresh and before:
        return None
    for file in fresh:
        write_json(file, {"seconds": clock.processor_seconds / len(fresh)})
    return sum(json.loads(file.read_text(encoding="utf-8"))["seconds"] for file in files)


def _base_digest(base: str | Path | None, backwards: bool = False) -> str | None:
    """Return what tells one base model from another: how it was trained."""
    if base is None:
        return None
    file = pretrained_folder(base, backwards) / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    return _digest(config["recipe"], config["versions"]["torch"])


def _digest(*values: Any) -> str:
    told = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


_OWN = "base-en + own language model"
_BOTH = "base-en + own language models of both directions"
_TITLES = {
    "the same + norm stabilizer": f"{_OWN} + norm stabilizer",
    "the same + NBSVM": f"{_OWN} + NBSVM (the default)",
    "forward + backward": _BOTH,
    "blend": f"{_BOTH} + NBSVM",
}
_WAYS = {
    "from scratch": Ours(base=None, own=False),
    "base-en": Ours(own=False),
    _OWN: Ours(),
    "the same + norm stabilizer": Ours(changes={"beta_norm": 50.0}),
    "the same + NBSVM": Ours(blend=True),
    "forward + backward": Ours(backwards=BOTH),
    "blend": Ours(backwards=BOTH, blend=True),
}
OURS = [
    Column(
        name,
        way,
        settings_of=way.settings,
        labels=[1_000] if way.changes else None,
        quick=name == "base-en",
        ours=True,
        title=_TITLES.get(name, ""),
    )
    for name, way in _WAYS.items()
]
