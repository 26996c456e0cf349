"""`steadfit doctor`: what there is on this machine, what of it is used, and what is lost."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import torch

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.core.home import home, write_problem
from steadfit.inference.engines import ENGINES, automatic_engine
from steadfit.kernels.choose import VARIABLE, describe
from steadfit.kernels.native_library import compiler, instructions
from steadfit.models.int8 import int8_problem
from steadfit.report.provenance import provenance

EXTRAS = ("base", "frames", "subwords", "onnx", "demo")


def run_doctor(as_json: bool) -> dict[str, Any]:
    """Print the facts as two columns, or as one line of JSON; the kernels are built if need be.

    Returns:
        What `--json` prints.
    """
    facts = _facts()
    if as_json:
        say(json.dumps(facts, ensure_ascii=False))
        return facts
    rows = _rows(facts)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        say(f"{name:<{width}}  {value}".rstrip())
    return facts


def _facts() -> dict[str, Any]:
    """Return what was found, as plain JSON values."""
    return {
        **provenance(),
        "instructions": instructions(),
        "kernels": describe()._asdict(),
        "engines": _engines(),
        "compiler": compiler(),
        "cache": _cache(),
        "extras": {extra: _installed(extra) for extra in EXTRAS},
    }


def _engines() -> dict[str, Any]:
    """Return what predicts on the CPU; a reason stands for what does not."""
    auto = None
    try:
        auto = automatic_engine(torch.device("cpu"))
        problem = int8_problem()
    except DataError as error:
        problem = str(error)
    return {
        "auto": auto,
        "available": [name for name in ENGINES if name != "int8" or problem is None],
        "int8_problem": problem,
    }


def _cache() -> dict[str, str | None]:
    try:
        folder = home()
    except DataError as error:
        return {"folder": None, "problem": str(error)}
    return {"folder": str(folder), "problem": write_problem(folder)}


def _installed(extra: str) -> dict[str, str | None]:
    """Return the version of each library of an extra; None for what is missing."""
    found: dict[str, str | None] = {}
    for line in requires("steadfit") or ():
        if re.search(rf"""extra\s*==\s*["']{extra}["']""", line):
            name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = None
    return found


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    hardware, kernels, engines = facts["hardware"], facts["kernels"], facts["engines"]
    cache = facts["cache"]
    writable = "it can be written" if cache["problem"] is None else cache["problem"]
    rows = [
        *facts["versions"].items(),
        ("platform", hardware["system"]),
        ("processor", hardware["processor"]),
        ("cores", str(hardware["cores"])),
        ("threads of torch", str(hardware["torch_threads"])),
        ("accelerator", hardware["accelerator"] or "none"),
        *((name, _yes(has)) for name, has in facts["instructions"].items()),
        (VARIABLE, kernels["chosen"] or "no choice"),
        ("kernels", f"{kernels['used'] or 'refused'}. {kernels['reason']}"),
        ("kernels lie in", kernels["library"] or "–"),
        ("compiler", facts["compiler"] or "none found"),
        ("engines", f"{', '.join(engines['available'])}; auto is {engines['auto'] or 'refused'}"),
    ]
    if engines["int8_problem"]:
        rows.append(("no int8", engines["int8_problem"]))
    rows.append(("cache folder", f"{cache['folder'] or '–'} ({writable})"))
    for extra, libraries in facts["extras"].items():
        missing = [name for name, found in libraries.items() if found is None]
        have = ", ".join(f"{name} {found}" for name, found in libraries.items() if found)
        install = f"not installed: {', '.join(missing)}; pip install 'steadfit[{extra}]'"
        rows.append((f"extra {extra}", install if missing else have))
    return rows


def _yes(has: bool) -> str:
    return "yes" if has else "no"
