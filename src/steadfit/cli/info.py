"""`steadfit info`: what a model's folder holds, without reading its weights into a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadfit.cli.model_folder import fingerprint, megabytes, named_folder, size_on_disk
from steadfit.core.console import say
from steadfit.core.errors import FileFormatError
from steadfit.files.model_config import checked_sizes, read_config
from steadfit.files.model_folder import read_metrics
from steadfit.files.pretrained import installed_models
from steadfit.inference.ensemble_folder import is_ensemble, read_ensemble_config
from steadfit.text.tokenizer import Tokenizer

_SIZES = ("vocab_size", "emb_sz", "n_hid", "n_layers")
_REPEATED = ("report", "estimator")  # what stands in the others, as Python wants it
_OF_A_NETWORK = ("source", "base", "seed", "recipe", "data", "versions")


def run_info(folder: Path, as_json: bool) -> dict[str, Any]:
    """Print the facts as two columns, or as one line of JSON.

    Returns:
        What `--json` prints.

    Raises:
        FileFormatError: the folder is no model's, damaged, or of a newer format.
    """
    folder = named_folder(folder)
    if not folder.is_dir():
        raise FileFormatError(
            f"There is no model folder {folder}; give the folder of a model, or the name of an "
            f"installed one ({', '.join(installed_models()) or 'none is'})"
        )
    facts = _of_classifier(folder) if is_ensemble(folder) else _of_network(folder)
    facts |= {"bytes": size_on_disk(folder), "fingerprint": fingerprint(folder)}
    if as_json:
        say(json.dumps(facts, ensure_ascii=False))
        return facts
    rows = list(_rows({**facts, "bytes": megabytes(facts["bytes"])}))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        say(f"{name:<{width}}  {value}".rstrip())
    return facts


def _of_classifier(folder: Path) -> dict[str, Any]:
    config = read_ensemble_config(folder)
    decision = config["decision"]
    details = config["details"]
    facts = {
        "kind": "classifier",
        "classes": decision["classes"],
        "format": f"{config['format']} {config['format_version']}",
        "networks": {name: _network(folder / name) for name in config["networks"]},
        "linear model": config["linear"],
        "weight of the networks": config["weight"],
        "scale of the logits": config["scale"],
        "decision": {name: value for name, value in decision.items() if name != "classes"},
    }
    # Said last and as they stand: they are the maker's own words.
    return facts | {name: value for name, value in details.items() if name not in _REPEATED}


def _of_network(folder: Path) -> dict[str, Any]:
    config = read_config(folder / "config.json")
    facts = {
        "kind": config["kind"],
        "classes": config.get("classes"),
        "format": f"{config['format']} {config['format_version']}",
        **_network(folder),
        "figures": read_metrics(folder, config),
        **{name: config[name] for name in _OF_A_NETWORK if name in config},
    }
    return {name: value for name, value in facts.items() if value not in (None, {}, [])}


def _network(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    config = read_config(file)
    sizes = checked_sizes(config, file)
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    return {
        "reads": "backwards" if config.get("backwards") else "forwards",
        "numbers": config.get("numbers", "float32"),
        **{name: getattr(sizes, name) for name in _SIZES},
        "tokenizer": tokenizer.fingerprint[:16],
    }


def _rows(facts: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in facts.items():
        title = f"{above}{name}".replace("_", " ")
        if isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values()):
            rows += _rows(value, f"{title}: ")
        else:
            rows.append((title, _shown(value)))
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_shown(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
