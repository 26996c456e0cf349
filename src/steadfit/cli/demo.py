"""`steadfit demo`: what transfer learning buys on real reviews, with a table at its end."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from steadfit.cli.demo_recipe import BETA_NORM, FULL, QUICK, Demo, DemoRun, DemoSize, Mixture
from steadfit.core.atomic import write_json
from steadfit.core.console import say
from steadfit.core.errors import DataError, DiskError
from steadfit.files.pretrained import installed_models
from steadfit.inference.predictor import Predictor
from steadfit.recipe.base import ENGLISH
from steadfit.report.baseline import tfidf_baseline
from steadfit.report.baseline_task import BaselineResult
from steadfit.report.figures import (
    figure_of_losses,
    figure_of_norms,
    figure_of_range_test,
    save_figure,
)
from steadfit.report.provenance import own_commit, provenance
from steadfit.report.tables import Column, print_table
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.datasets import URLs, untar_data
from steadfit.text.readers import read_folder
from steadfit.training.lr_finder import RangeTest

SENTENCES = (
    "One of the best films I have seen in years: moving, funny and beautifully acted.",
    "A dull, predictable mess. I wanted my money back after twenty minutes.",
    "The plot makes no sense, and yet I enjoyed every minute of it.",
)


def run_demo(
    quick: bool, as_json: bool, out: Path, seed: int, checkpoint_dir: Path | None = None
) -> dict[str, Any]:
    """Run the demo, print what happens, and write model, figures and results below `out`.

    With `checkpoint_dir` it goes on where the same demo was stopped before.

    Returns:
        What `--json` prints as the last line.
    """
    began, commit = time.perf_counter(), own_commit()
    _require_folder("--out", out)
    if checkpoint_dir is not None:
        _require_folder("--checkpoint-dir", checkpoint_dir)
    size = QUICK if quick else FULL
    base = ENGLISH if ENGLISH in installed_models() else None
    demo = Demo(read_folder(untar_data(URLs.MOVIE_REVIEWS)), size, seed, out, checkpoint_dir)
    say(
        f"Language model: {len(demo.texts):,} reviews of train, none of test or of its films. "
        f"Classifiers: {len(demo.labelled.part(TRAIN)):,} labelled reviews to learn from, "
        f"{len(demo.labelled.part(VALID)):,} to be judged by. None has more than {size.longest:,} "
        "characters."
    )
    baseline = _baseline(demo.labelled)
    say(f"{baseline.name}: {baseline.accuracy:.1%} of the test reviews right.")
    runs, range_test = _train_classifiers(demo, base)
    mixture = demo.mixed(runs[-2])
    say(
        f"NBSVM: {mixture.linear:.1%}; mixed half and half with {runs[-2].name!r}: "
        f"{mixture.both:.1%}."
    )
    model_dir = demo.save(runs[-1], out / "model")
    figures = [
        save_figure(figure_of_range_test(range_test), out / "figures" / "lr_finder.png"),
        save_figure(figure_of_losses(demo.history), out / "figures" / "losses.png"),
        save_figure(
            figure_of_norms({run.name: run.norm_curve for run in runs[-2:]}),
            out / "figures" / "norms.png",
        ),
    ]
    results = {
        "baseline": {"accuracy": baseline.accuracy},
        "nbsvm": {"accuracy": mixture.linear},
        "mixture": {"name": f"{runs[-2].name}, mixed with NBSVM", "accuracy": mixture.both},
        "runs": [
            {
                "name": run.name,
                "accuracy": run.accuracy,
                "seconds": round(run.seconds, 2),
                "tokens_per_second": round(run.tokens_per_second, 1),
                "norm_drift": run.norm_drift,
            }
            for run in runs
        ],
        "seconds": round(time.perf_counter() - began, 1),
        "model_dir": str(model_dir),
        "figures": [str(figure) for figure in figures],
    }
    made = {"seed": seed, "quick": quick, "commit": commit, **provenance()}
    write_json(out / "results.json", {**results, **made})
    _show(baseline, mixture, size, results)
    _classify_sentences(model_dir)
    if as_json:
        say(json.dumps(results))
    return results


def _train_classifiers(demo: Demo, base: str | None) -> tuple[list[DemoRun], RangeTest]:
    """Train classifiers that begin with ever more; the last two begin with the same."""
    runs: list[DemoRun] = []

    def done(run: DemoRun) -> None:
        runs.append(run)
        say(f"{run.name}: {run.accuracy:.1%} of the test reviews right, {run.seconds:.0f} s.")

    done(demo.run("no pretraining", None))
    if base is None:
        say(f"The model {ENGLISH} is not installed, so the language model starts from nothing.")
    else:
        done(demo.run(base, base))
    own, figures = demo.language_model(base)
    say(
        f"Language model of the reviews trained in {figures['seconds']:.0f} s "
        f"({figures['tokens_per_second']:,} tokens/s): perplexity {figures['perplexity']:.1f} on "
        "held-out reviews."
    )
    range_test = demo.range_test(own)
    say(f"Range test for the head: {range_test.advice}.")
    name = "own language model" if base is None else f"{base} + own language model"
    done(demo.run(name, own))
    done(demo.run(f"{name} + norm stabilizer", own, BETA_NORM))
    return runs, range_test


def _require_folder(option: str, folder: Path) -> None:
    """Make a folder and write into it, so that no work is begun whose results have no place."""
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{option} {folder} is a file; give a folder, which is made if it is not there."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DiskError(
            f"{option} {folder} cannot be written ({error.strerror or error}); nothing was begun. "
            "Give a folder that may be written.",
            error.errno,
            error.strerror or "",
        ) from error


def _baseline(labelled: Corpus) -> BaselineResult:
    train, test = labelled.part(TRAIN), labelled.part(VALID)
    assert train.labels is not None
    assert test.labels is not None
    return tfidf_baseline(list(train.texts), train.labels, list(test.texts), test.labels)


def _show(
    baseline: BaselineResult, mixture: Mixture, size: DemoSize, results: dict[str, Any]
) -> None:
    baselines: list[dict[str, Any]] = [
        {"name": baseline.name, "accuracy": baseline.accuracy, "seconds": baseline.seconds},
        {"name": "NBSVM", "accuracy": mixture.linear, "seconds": mixture.seconds},
    ]
    ours: list[dict[str, Any]] = [*results["runs"], results["mixture"]]
    rows = [*baselines, *ours]
    say("")
    print_table(
        rows,
        [
            Column("name", "run"),
            Column("accuracy", "accuracy", ".1%"),
            Column("seconds", "seconds", ".0f"),
            Column("tokens_per_second", "tokens/s", ",.0f"),
            Column("norm_drift", "norm drift", ".3f"),
        ],
    )
    best, simple = (max(some, key=lambda row: row["accuracy"]) for some in (ours, baselines))
    difference = 100 * (best["accuracy"] - simple["accuracy"])
    verdict = "ahead of" if difference > 0 else "behind" if difference < 0 else "level with"
    say(
        f"\n{best['name']!r} is {abs(difference):.1f} points {verdict} {simple['name']}, which "
        f"learned from the same {size.labelled_reviews:,} labels. (One standard error of an "
        f"accuracy on {size.test_reviews:,} reviews is {50 / size.test_reviews**0.5:.1f} points at "
        "most.) Norm drift: mean norm of the hidden state over the last tenth of a document by "
        f"that over its second tenth, of the {size.norm_reviews} longest test reviews."
    )
    if size == QUICK:
        say("--quick takes too few reviews and steps to learn from; run without it to judge.")
    say(f"{results['seconds']:.0f} s in all. Model: {results['model_dir']}")
    for figure in results["figures"]:
        say(f"Figure: {figure}")
    say("")


def _classify_sentences(model_dir: Path) -> None:
    predictor = Predictor.load(model_dir)
    for sentence, found in zip(SENTENCES, predictor.predict_many(SENTENCES), strict=True):
        say(f"{found.label} {float(found.probabilities[found.index]):.0%}  {sentence}")
