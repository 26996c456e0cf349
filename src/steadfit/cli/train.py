"""`steadfit train`: a labelled table becomes a classifier's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from steadfit.cli.checkpoints import (
    checkpoints_beside,
    going_on,
    refuse_foreign,
    remove_checkpoints,
)
from steadfit.cli.labelled_texts import OPTIONS
from steadfit.cli.places import refuse_existing, refuse_other_than
from steadfit.cli.room import require_room
from steadfit.cli.toml_file import toml_text
from steadfit.cli.train_checks import check_late_choices
from steadfit.cli.train_options import estimator
from steadfit.cli.train_results import in_short, print_held_out, tested
from steadfit.cli.train_texts import Texts, read_texts, report_leaks
from steadfit.cli.what_was_read import fingerprint_of, what_was_read
from steadfit.core.console import say
from steadfit.inference.ensemble_folder import CONFIG, FORMAT, save_ensemble

TESTED = "test.json"  # beside the model: what it reached on the test file
_UNDECIDING = ("out", "test", "checkpoint_dir")


def run_train(options: Mapping[str, Any], overwrite: bool) -> dict[str, Any]:
    """Read, check, train, write the folder and its `train.toml`, and print what was reached.

    Args:
        options: from `steadfit.cli.train_options.resolved`.
        overwrite: replace a classifier's folder.

    Returns:
        What stands in `test.json`; without a test file nothing.

    Raises:
        SteadfitError: as the readers and `TextClassifier.fit`; `out` exists; the disk has too
            little room. What was trained so far is kept.
    """
    out = Path(options["out"])
    refuse_existing(out, overwrite)
    refuse_other_than("classifier's folder", out, CONFIG, FORMAT)
    given = options.get("checkpoint_dir")
    checkpoints = checkpoints_beside(out) if given is None else Path(given)
    refuse_foreign(checkpoints)
    texts = read_texts(options)
    model = estimator(options, checkpoints)
    check_late_choices(options, texts)
    require_room(texts, model, out, checkpoints)
    report_leaks(texts)
    valid = None if texts.valid is None else (texts.valid.texts, texts.valid.labels)
    files = _files(options, texts)
    with going_on(checkpoints, _deciding(options), _fingerprints(options, texts, files)):
        model.fit(
            list(texts.train.texts),
            list(texts.train.labels),
            unlabeled=texts.unlabeled or None,
            valid=valid,
            groups=texts.train.groups,
            sample_weight=texts.train.weights,
        )
    made = model.ensemble_
    made = replace(made, details={**made.details, "files": files})
    beside = {OPTIONS: toml_text(_resolved(options, model.get_params()))}
    save_ensemble(out, made, beside=beside)
    print_held_out(model.report_)
    found: dict[str, Any] = {}
    if texts.test is not None:
        found = tested(made, texts.train, texts.test)
        made = replace(made, details={**made.details, "test": in_short(found)})
        beside[TESTED] = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
        save_ensemble(out, made, beside=beside)
    if given is None:
        remove_checkpoints(checkpoints)
    say(f"wrote {out}")
    return found


def _files(options: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """Return what was read from which file, and what for."""
    given = {"labelled": (texts.train, "table"), "held out": (texts.valid, "valid")}
    given["test"] = (texts.test, "test")
    found = {
        use: what_was_read([options[name]], part.texts)
        for use, (part, name) in given.items()
        if part is not None
    }
    if texts.unlabeled:
        found["without labels"] = what_was_read(options["unlabeled"], texts.unlabeled)
    return found


def _fingerprints(
    options: Mapping[str, Any], texts: Texts, files: Mapping[str, Any]
) -> dict[str, str]:
    """Return what tells texts, labels, groups and weights to learn from from others, by file."""
    given = {"labelled": (texts.train, "table"), "held out": (texts.valid, "valid")}
    found = {
        str(options[name]): f"{files[use]['fingerprint']} "
        + fingerprint_of(part.labels, part.groups or (), part.weights or ())
        for use, (part, name) in given.items()
        if part is not None
    }
    if texts.unlabeled:
        found[", ".join(options["unlabeled"])] = files["without labels"]["fingerprint"]
    return found


def _deciding(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options on which it depends whether a training can go on."""
    return {name: value for name, value in options.items() if name not in _UNDECIDING}


def _resolved(options: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options that TOML can hold: it has no None, which is left out."""
    kept = {**parameters, **options}
    if "checkpoint_dir" not in options:
        kept.pop("checkpoint_dir", None)
    kept.pop("verbose", None)
    none = {"pretrained", "blend"}  # whose default is another
    return {
        name: "none" if value is None else value
        for name, value in kept.items()
        if value is not None or name in none
    }
