"""The notebook's table on movie reviews: three stages, each with and without the norm stabilizer.

The encoder is a small one, trained on the reviews of the training films; the classifier's stages
are the notebook's: head only, `freeze_to(-2)`, all layers, one epoch each. A linear model on words
and NBSVM learn from the same labelled reviews. Films of the test reviews are nowhere in training.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments._figures import draw_points
from experiments._report import Found, Options, mean_and_spread
from experiments._runs import HOME, Run, run_all
from experiments._stages import (
    PLAIN,
    QUICK,
    STABILIZED,
    ClassifierDemo,
    LanguageModelResult,
    NotebookSize,
    classifier_corpus,
    language_model_corpus,
    train_language_model,
)
from steadfit.files.model_folder import load_model
from steadfit.report.baseline import tfidf_baseline
from steadfit.report.comparison import Comparison, compare_predictions
from steadfit.report.nbsvm import nbsvm_baseline
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.datasets import URLs, untar_data
from steadfit.text.readers import read_folder

SEEDS = 3
FULL = NotebookSize(
    lm_reviews=18_470,
    labelled_reviews=6_000,
    test_reviews=4_992,
    max_vocab=20_000,
    emb_sz=160,
    n_hid=320,
    batch_size=24,
    range_test_steps=60,
)
QUICK_SIZE = replace(QUICK, lm_reviews=200, labelled_reviews=200, test_reviews=100)
STAGES = (("head only", -1, 2e-2), ("freeze_to(-2)", -2, 1e-2), ("all layers", 0, None))
RATES = slice(5e-3, 1e-2)  # of all layers
ARMS = {"AR + TAR": PLAIN, "AR + TAR + norm stabilizer": STABILIZED}
BASELINES = {"TF-IDF + logistic regression": tfidf_baseline, "NBSVM": nbsvm_baseline}


def run(options: Options) -> Found:
    """Train the encoder, the baselines, and both arms for every seed; compare row by row."""
    seeds = options.seeds if options.seeds is not None else 1 if options.quick else SEEDS
    size = asdict(QUICK_SIZE if options.quick else FULL)
    checkpoints = _checkpoints(NotebookSize(**size))
    encoder = Run("experiments.notebook:encoder", {"size": size}, checkpoints)
    baselines = [Run("experiments.notebook:baseline", {"name": n, "size": size}) for n in BASELINES]
    learned = run_all([encoder, *baselines], options.jobs, options.fresh)
    runs = [
        Run("experiments.notebook:classifier", {"arm": arm, "seed": seed, "size": size})
        for seed in range(seeds)
        for arm in ARMS
    ]
    done = run_all(runs, options.jobs, options.fresh)
    linear = {one["name"]: one for one in learned[1:]}
    figures: dict[str, Any] = {
        "perplexity": learned[0]["perplexity"],
        "baselines": {name: one["accuracy"] for name, one in linear.items()},
        "stages": {stage: _stage(stage, done, linear) for stage, *_ in STAGES},
    }
    shown = [{k: v for k, v in one.items() if k != "right"} for one in (*learned, *done)]
    return Found(
        figures,
        shown,
        _table(figures),
        draw=lambda folder: _draw(done, folder),
        conditions={"size": size},
    )


def encoder(size: dict[str, Any]) -> dict[str, Any]:
    """Train the language model that all classifiers begin with; it goes on where it was stopped."""
    sizes = NotebookSize(**size)
    texts = language_model_corpus(_reviews(), sizes, seed=0)
    made = train_language_model(texts, sizes, 0, _encoder_folder(sizes), _checkpoints(sizes))
    return {"perplexity": round(made.perplexity, 2), "tokens_per_second": made.tokens_per_second}


def baseline(name: str, size: dict[str, Any]) -> dict[str, Any]:
    """Train a linear model on the labelled reviews."""
    corpus = classifier_corpus(_reviews(), NotebookSize(**size), seed=0)
    train, test = corpus.part(TRAIN), corpus.part(VALID)
    found = BASELINES[name](train.texts, train.labels, test.texts, test.labels)
    right = [a == b for a, b in zip(found.predictions, test.labels, strict=True)]
    return {"accuracy": round(found.accuracy, 4), "right": _bits(right)}


def classifier(arm: str, seed: int, size: dict[str, Any]) -> dict[str, Any]:
    """Train one classifier through the notebook's stages."""
    sizes = NotebookSize(**size)
    folder = _encoder_folder(sizes)
    vocab = load_model(folder, kind="encoder").tokenizer.vocab
    made = LanguageModelResult(folder, vocab, 0.0, 0.0, 0.0)
    corpus = classifier_corpus(_reviews(), sizes, seed=0)
    demo = ClassifierDemo(corpus, made, sizes, seed)
    stages = {}
    for name, unfrozen, lr in STAGES:
        found = demo.run(name, unfrozen, RATES if lr is None else lr, ARMS[arm])
        stages[name] = {
            "accuracy": round(found.accuracy, 4),
            "norm_drift": round(found.norm_drift, 4),
            "training_seconds": round(found.seconds, 1),
            "right": _bits(found.right),
        }
    return {"stages": stages}


def _reviews() -> Corpus:
    return read_folder(untar_data(URLs.MOVIE_REVIEWS))


def _encoder_folder(size: NotebookSize) -> Path:
    return HOME / "notebook" / f"encoder-{size.lm_reviews}-{size.emb_sz}-{size.n_hid}" / "encoder"


def _checkpoints(size: NotebookSize) -> Path:
    return _encoder_folder(size).with_name("encoder-checkpoints")


def _bits(right: list[bool]) -> str:
    return "".join("1" if one else "0" for one in right)


def _stage(
    stage: str, done: list[dict[str, Any]], linear: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return accuracies of both arms, and their paired comparison seed by seed."""
    of_arm = {arm: [one["stages"][stage] for one in done if one["arm"] == arm] for arm in ARMS}
    plain, stabilized = of_arm.values()
    pairs = zip(plain, stabilized, strict=True)
    against = {
        name: [_compared(other["right"], one["right"])._asdict() for other in stabilized]
        for name, one in linear.items()
    }
    return {
        "accuracy": {
            arm: mean_and_spread([one["accuracy"] for one in ones]) for arm, ones in of_arm.items()
        },
        "norm_drift": {
            arm: mean_and_spread([one["norm_drift"] for one in ones])
            for arm, ones in of_arm.items()
        },
        "stabilizer_against_none": [_compared(b["right"], a["right"])._asdict() for a, b in pairs],
        "stabilizer_against": against,
    }


def _compared(first: str, second: str) -> Comparison:
    """Compare which of the same reviews were labelled right."""
    return compare_predictions(first, second, "1" * len(first))


def _draw(done: list[dict[str, Any]], folder: Path) -> list[Path]:
    accuracies = {
        stage: {
            arm: [one["stages"][stage]["accuracy"] for one in done if one["arm"] == arm]
            for arm in ARMS
        }
        for stage, *_ in STAGES
    }
    title = "Movie reviews: the notebook's stages, a point a seed"
    return [draw_points(accuracies, folder / "notebook.png", "accuracy", title)]


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [
        f"Language model: perplexity {figures['perplexity']} on held-out reviews.",
        "",
        f"| accuracy on the test reviews | {' | '.join(ARMS)} | difference by seed (p) |",
        "|---|" + "---|" * (len(ARMS) + 1),
    ]
    for stage, found in figures["stages"].items():
        cells = [f"{one['mean']:.1%} ± {one['sd']:.1%}" for one in found["accuracy"].values()]
        pairs = [
            f"{one['difference']:+.1%} ({one['p_value']:.2g})"
            for one in found["stabilizer_against_none"]
        ]
        lines.append(f"| {stage} | {' | '.join(cells)} | {', '.join(pairs)} |")
    for name, accuracy in figures["baselines"].items():
        lines.append(f"| {name} | {accuracy:.1%} | | |")
    drifts = figures["stages"]["all layers"]["norm_drift"]
    told = ", ".join(f"{arm} {one['mean']:.3f}" for arm, one in drifts.items())
    return [*lines, "", f"Norm drift after all layers (1 is steady): {told}."]
