"""What a training reached, as tables: on texts held out, and on a test file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from steadfit.cli.evaluate import judge, measured
from steadfit.cli.measures import comparison_line, plain, print_measured
from steadfit.core.console import say
from steadfit.inference.ensemble import Ensemble
from steadfit.report.comparison import compare_predictions, wilson_interval
from steadfit.report.nbsvm import nbsvm_baseline
from steadfit.report.tables import Column, Value, print_table
from steadfit.text.labelled import Labelled

RARE = 0.9  # share of the commonest class from which on accuracy tells little of the others


def print_held_out(report: Mapping[str, Any]) -> None:
    """Print what each part reached on the texts held out, and which of them predicts.

    Temperature, blend and thresholds were fitted on the same texts; the line above says so.
    """
    found = {**report["held_out"], **report["baselines"]}
    if not found.get("documents"):
        return
    weight = found.get("weight_of_the_network", 1.0)
    rows: list[dict[str, Value]] = []
    for name in ("blend", "network", "nbsvm"):
        if name in found:
            unused = name == "blend" and weight in (0, 1)
            rows.append({"model": f"{name} (not taken)" if unused else name, **found[name]})
    if "majority" in found:
        rows.append({"model": "commonest class", "accuracy": found["majority"]})
    say(f"On {found['documents']:,} texts held out, on which the mixture was fitted, too:")
    columns: list[Column | str] = [
        "model",
        Column("accuracy", "accuracy", ".1%"),
        Column("log_loss", "log loss"),
    ]
    print_table(rows, columns)
    say(_what_predicts(weight, "blend" in found))
    if (tuned := found.get("thresholds")) is not None:
        say(_thresholds(tuned))
    if found.get("majority", 0) >= RARE:
        say(
            f"The commonest class alone is right on {found['majority']:.1%}: --metric macro-f1 and "
            "--class-weight balanced look after the others."
        )
    if report.get("ece") is not None:
        chance = report["ece_by_chance"]
        say(f"calibration error {report['ece']:.3f} (by chance alone up to {chance:.3f})")


def _what_predicts(weight: float, mixed: bool) -> str:
    if 0 < weight < 1:
        return f"The mixture predicts: {weight:.0%} network, {1 - weight:.0%} NBSVM."
    alone = "The network alone" if weight else "NBSVM alone"
    why = ": the mixture is worse than it by more than chance" if mixed else ""
    return f"{alone} predicts{why}."


def _thresholds(tuned: Mapping[str, Any]) -> str:
    change = f"{tuned['metric']} {tuned['without']:.3f} becomes {tuned['with']:.3f}"
    if tuned["kept"]:
        return f"Thresholds are kept: {change}, and others than they were tuned on gain, too."
    return f"Thresholds are not kept: {change}, but others gain no more than chance may give."


def tested(model: Ensemble, train: Labelled, test: Labelled) -> dict[str, Any]:
    """Print what a classifier and NBSVM reach on a test file, and whether they differ.

    Returns:
        The figures, as JSON values.
    """
    judged = judge(model, test.texts)
    found = measured(model, test.labels, judged)
    say(f"On {len(test.texts):,} test texts, from which nothing was learned:")
    if model.many:
        print_measured(found)
        return found
    labels = list(test.labels)
    simple = nbsvm_baseline(train.texts, train.labels, test.texts, test.labels)
    common = Counter(train.labels).most_common(1)[0][0]
    predictions = {
        "steadfit": judged.labels,
        simple.name: simple.predictions,
        "commonest class": [common] * len(labels),
    }
    rows: list[dict[str, Value]] = []
    for name, given in predictions.items():
        right = sum(a == b for a, b in zip(given, labels, strict=True))
        low, high = wilson_interval(right, len(labels))
        rows.append(
            {
                "model": name,
                "accuracy": right / len(labels),
                "95 % interval": f"{low:.1%} to {high:.1%}",
            }
        )
    print_table(rows, ["model", Column("accuracy", "accuracy", ".1%"), "95 % interval"])
    print_measured(found)
    comparison = compare_predictions(judged.labels, simple.predictions, labels)
    say(comparison_line(comparison, "steadfit", simple.name))
    return {**found, "against": {"model": simple.name, **plain(comparison)}}


def in_short(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the figures on a test file what a card shows."""
    names = ("texts", "accuracy", "macro_f1", "log_loss", "ece")
    short = {name: found[name] for name in names}
    if simple := found.get("against"):
        short[simple["model"]] = {"accuracy": simple["second_accuracy"]}
        short["p-value of the difference"] = simple["p_value"]
    return short
