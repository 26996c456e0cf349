"""A plan that fits into some minutes: steps are measured here, and epochs cut to what there is."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from steadfit.core.atomic import write_json
from steadfit.core.checks import number
from steadfit.core.console import say
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import read_json
from steadfit.recipe.choices import Recipe
from steadfit.recipe.costs import Costs, measured
from steadfit.recipe.settings import ONE_CYCLE
from steadfit.recipe.work import Work
from steadfit.text.corpus import Corpus
from steadfit.training.events import Callback
from steadfit.training.run import Run

RESERVE = 1.15  # a machine is not always as fast as it was for a few steps
_SHARES = 40  # steps between none and all epochs
_FILE = "plan.json"
_BEGIN = "Start again with an empty checkpoint_dir."

clock = time.monotonic


class Planned(NamedTuple):
    """A recipe that fits, and where and under whose eyes it is to be carried out."""

    recipe: Recipe
    work: Work


class Deadline(Callback):
    """Ends a fit when another epoch like the last one would be too late."""

    def __init__(self, at: float) -> None:
        self.at = at

    def on_epoch_end(self, run: Run) -> None:
        """Compare what is left with what the epoch took, before and after an interruption."""
        took = run.history.epochs[-1].seconds
        done, planned = run.state.epoch, run.plan.epochs
        if done < planned and clock() + took > self.at:
            run.stop("the time is up")
            say(
                f"The time is up: this phase ends after {done} of {planned} epochs, before its "
                "rate has come down. More max_minutes may give a better classifier."
            )


def within_time(
    corpus: Corpus,
    unlabeled: Sequence[str],
    recipe: Recipe,
    work: Work,
    minutes: float | None,
    weighed: bool = False,
) -> Planned:
    """Return a recipe whose training is expected to end within some minutes, and say so.

    A few steps of each model are made and timed. All epochs are cut alike, each phase keeps one at
    least. While it trains, `Deadline` ends a phase that turns out slower. Where a folder holds
    checkpoints the plan lies beside them, so that the same call goes on with the same one, whatever
    other calls there were in between.

    Args:
        corpus: labelled documents.
        unlabeled: more texts for the language model.
        recipe: what is wanted.
        work: where to work.
        minutes: None takes as long as it takes, and nothing is measured.
        weighed: whether documents have weights.

    Raises:
        DataError: even one epoch of everything takes longer.
    """
    if minutes is None:
        return Planned(recipe, work)
    began = clock()
    allowed = 60 * number("max_minutes", minutes)
    kept = work.checkpoints(_FILE)
    asked = "" if kept is None else _digest(corpus, unlabeled, recipe, minutes, weighed)
    plans = {} if kept is None else _kept_plans(kept)
    share = plans.get(asked)
    if share is None:
        costs = measured(corpus, unlabeled, recipe, work, clock, weighed)
        left = allowed - (clock() - began)
        share = largest_share(costs, left / RESERVE)
        least, full = costs.total(0.0), costs.total(1.0)
        if share is None:
            raise DataError(
                f"max_minutes is {minutes:g}, but one epoch of everything takes about "
                f"{_minutes(RESERVE * least + allowed - left)} here. {_less(recipe)}"
            )
        say(
            f"This takes about {_minutes(costs.total(share))} of {_minutes(allowed)}"
            + (f"; all epochs would take {_minutes(full)}." if share < 1 else ".")
        )
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_json(kept, {"plans": {**plans, asked: share}})
    deadline = Deadline(began + allowed / RESERVE)
    return Planned(cut(recipe, share), work._replace(callbacks=[*work.callbacks, deadline]))


def largest_share(costs: Costs, seconds: float) -> float | None:
    """Return the largest share of all epochs that fits; None if not even one of each does."""
    for step in range(_SHARES, -1, -1):
        if costs.total(step / _SHARES) <= seconds:
            return step / _SHARES
    return None


def cut(recipe: Recipe, share: float) -> Recipe:
    """Return the recipe with a share of its epochs, one of each phase at least."""
    share = max(share, 1e-6)
    model = recipe.language_model
    if model is not None:
        model = replace(model, share=share)
    classifier = replace(recipe.classifier, share=share)
    return replace(recipe, language_model=model, classifier=classifier)


def _less(recipe: Recipe) -> str:
    """Say what would take less time."""
    ways = ["more time", "fewer texts"]
    if recipe.classifier.schedule != ONE_CYCLE:
        ways.append(f"schedule={ONE_CYCLE!r}")
    if recipe.language_model is not None:
        ways.append("language_model=False")
    if recipe.base is None:
        ways.append("smaller sizes")
    return f"Give {', '.join(ways[:-1])} or {ways[-1]}."


def _kept_plans(file: Path) -> dict[str, float]:
    """Return the shares that calls came to, by what was asked for."""
    if not file.is_file():
        return {}
    plans = read_json(file, _BEGIN).get("plans", {})
    if not isinstance(plans, dict):
        raise FileFormatError(f"{file} holds no plans of Steadfit's. {_BEGIN}")
    return {asked: number("share", share) for asked, share in plans.items()}


def _digest(
    corpus: Corpus, unlabeled: Sequence[str], recipe: Recipe, minutes: float, weighed: bool
) -> str:
    """Return what a plan is for, as hexadecimal digits."""
    asked = json.dumps([float(minutes), weighed, recipe.to_json()], sort_keys=True)
    digest = hashlib.blake2b(asked.encode(), digest_size=16)
    for text in chain(corpus.texts, unlabeled):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    for part in (corpus.labels, corpus.groups, corpus.split):
        digest.update(repr(None if part is None else list(part)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
