"""`steadfit layers`: what a model is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from steadfit.cli.model_folder import named_folder, read_classifier
from steadfit.core.console import say
from steadfit.files.model_folder import SavedModel, load_model
from steadfit.files.pretrained import DIRECTIONS
from steadfit.inference.ensemble_folder import is_ensemble
from steadfit.models.recurrent import AWDLSTM
from steadfit.report.tables import print_table


def run_layers(folder: Path, as_json: bool) -> None:
    """Print a table for each network.

    Raises:
        FileFormatError: the folder is no model's.
    """
    found = {DIRECTIONS[one.backwards]: layer_rows(one) for one in networks(folder)}
    if as_json:
        say(json.dumps(found))
        return
    for direction, rows in found.items():
        say(f"{direction}: {sum(row['weights'] for row in rows):,} weights")
        print_table(rows, ["group", "layer", "shapes", "weights"])


def networks(folder: Path) -> tuple[SavedModel, ...]:
    """Return the networks of a classifier, or the one of a model folder."""
    if is_ensemble(folder):
        return read_classifier(folder).networks
    return (load_model(named_folder(folder)),)


def layer_rows(saved: SavedModel) -> list[dict[str, Any]]:
    """Return a row for each layer that has weights; groups are counted from 0, the last is -1.

    A weight that two layers share, as embedding and decoder do, is counted where it stands first.
    """
    names = {module: name for name, module in saved.model.named_modules()}
    rows = []
    counted: set[int] = set()
    for number, group in enumerate(_groups(saved)):
        for part in group:
            for module in part.modules():
                weights = list(module.named_parameters(recurse=False))
                if not weights:
                    continue
                fresh = [one for _, one in weights if id(one) not in counted]
                counted.update(id(one) for one in fresh)
                shapes = (f"{name} {'×'.join(map(str, one.shape))}" for name, one in weights)
                rows.append(
                    {
                        "group": number,
                        "layer": f"{names[module]} ({type(module).__name__})",
                        "shapes": ", ".join(shapes),
                        "weights": sum(one.numel() for one in fresh),
                    }
                )
    return rows


def _groups(saved: SavedModel) -> list[list[nn.Module]]:
    model = saved.model
    if isinstance(model, AWDLSTM):
        return [[model.embedding], *([rnn] for rnn in model.rnns)]
    return model.layer_groups()
