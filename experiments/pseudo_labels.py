"""What a second network has of the labels that a first one and NBSVM gave: pseudo-labels."""

from __future__ import annotations

from experiments._report import Found, Options
from experiments._runs import run_all
from experiments.classifier_levers import ALONE, LABELS, MIXED, PASSES, gains, learning, table

DRAWS = 1  # each takes as long as several of a lever's
MORE = 1_000  # reviews, those of whose labels the teachers are surest (Lee, 2013)


def run(options: Options) -> Found:
    """Train a first network and a second one after each draw."""
    draws = options.seeds if options.seeds is not None else DRAWS
    runs = [learning(number, options, pseudo_labels=MORE) for number in range(draws)]
    found = run_all(runs, options.jobs, options.fresh)
    first = [{kind: one[f"first_{kind}"] for kind in (ALONE, MIXED)} for one in found]
    figures = {"the first network": gains(first, first), "pseudo-labels": gains(found, first)}
    conditions = {"labels": LABELS, "passes": PASSES, "pseudo_labels": MORE}
    return Found(figures, found, table(figures), conditions=conditions)
