"""How well a trained classifier reads in bfloat16 and in int8, beside float32.

The demo's language model and classifier are trained on film reviews of `train`, the last stage with
the norm stabilizer; then every review of `test`, whose films are not in `train`, is labelled in
float32, bfloat16 and int8. Whether int8 is worse than float32 is asked of McNemar's exact test.
Training keeps checkpoints: a run that was stopped goes on, and the next run only labels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchmarks._harness import Asked, Options, Report
from benchmarks._reviews import by_film
from benchmarks._sides import HOME
from benchmarks._statistics import exact_mcnemar, significant

if TYPE_CHECKING:
    from torch import Tensor

    from experiments._stages import ClassifierDemo

SEED = 0
POINTS = 0.3  # of accuracy that bfloat16 or int8 may be away from float32


def run(options: Options) -> Report:
    """Train, label in each of the numbers, and compare."""
    import torch

    from experiments._stages import FULL, QUICK
    from steadfit.kernels.choose import describe

    began = time.perf_counter()
    size = QUICK if options.quick else FULL
    kernels = describe().used
    demo = trained("quick" if options.quick else "full")
    torch.set_num_threads(options.threads)
    assert demo.store.labels is not None
    labels = torch.tensor(demo.store.labels[demo.test.rows])
    report = compare(labels, {name: read(demo, name) for name in ("float32", "bf16", *_int8())})
    report.figures["seconds"] = round(time.perf_counter() - began, 1)
    report.conditions = {**asdict(size), "seed": SEED, "bf16_kernels": kernels}
    return report


def trained(size_name: str) -> ClassifierDemo:
    """Train as the demo does, or take what an earlier run trained."""
    import torch

    from experiments import _stages as recipe

    torch.set_num_threads(1)  # as the demo: layers this small gain nothing from a second one
    size = recipe.QUICK if size_name == "quick" else recipe.FULL
    folder = HOME / "engines" / size_name
    reviews = by_film()
    language_model = recipe.train_language_model(
        recipe.language_model_corpus(reviews, size, SEED), size, SEED, folder / "encoder", folder
    )
    labelled = recipe.classifier_corpus(reviews, size, SEED)
    demo = recipe.ClassifierDemo(labelled, language_model, size, SEED, folder)
    demo.run("head only", -1, 2e-2)
    demo.run("freeze_to(-2)", -2, 1e-2)
    demo.run("all layers + norm stabilizer", 0, slice(5e-3, 1e-2), recipe.STABILIZED)
    return demo


def read(demo: ClassifierDemo, engine: str) -> Tensor:
    """Return probabilities `(documents, classes)` of the test reviews."""
    import torch

    from steadfit.inference.engines import Engine
    from steadfit.inference.predictor import class_probabilities

    documents = (demo.store[row].tolist() for row in demo.test.rows)
    return torch.cat(list(class_probabilities(Engine(demo.objective.model, engine), documents)))


def compare(labels: Tensor, probabilities: Mapping[str, Tensor]) -> Report:
    """Hold each reading of the same documents against that in float32.

    Args:
        labels: `(documents,)`.
        probabilities: `(documents, classes)` by engine, `float32` among them.
    """
    from steadfit.inference.deviation import deviation

    report = Report()
    figures = report.figures
    right = {name: found.argmax(dim=1) == labels for name, found in probabilities.items()}
    for name in right:
        figures[f"accuracy_{name}"] = round(float(right[name].double().mean()), 5)
    for name in ("bf16", "int8"):
        report.asked[f"points_{name}"] = Asked(least=-POINTS, most=POINTS)
        if name not in right:
            continue
        apart = deviation(probabilities[name], probabilities["float32"])
        lost = int((right["float32"] & ~right[name]).sum())
        won = int((right[name] & ~right["float32"]).sum())
        figures[f"points_{name}"] = round(100 * (won - lost) / apart.documents, 3)
        figures[f"same_labels_{name}"] = round(apart.same_label / apart.documents, 5)
        figures[f"largest_difference_{name}"] = significant(apart.largest)
        figures[f"mean_difference_{name}"] = significant(apart.mean)
        figures[f"only_{name}_right"], figures[f"only_float32_right_not_{name}"] = won, lost
        figures[f"mcnemar_p_{name}"] = significant(exact_mcnemar(lost, won))
    return report


def _int8() -> tuple[str, ...]:
    from steadfit.models.int8 import int8_problem

    if problem := int8_problem():
        print(f"int8 is not measured: {problem}")
        return ()
    return ("int8",)
