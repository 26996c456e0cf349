"""Results as files and as lines to read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks._harness import Asked, Options, Report
from benchmarks._sides import ROOT
from steadfit.report.provenance import commit_of, provenance

RESULTS = ROOT / "results" / "benchmarks"
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")


def result(name: str, report: Report, options: Options) -> dict[str, Any]:
    """Return all that is known of a run, as plain JSON values."""
    return {
        "benchmark": name,
        "command": " ".join(["python -m benchmarks", name, *options.words]),
        "commit": commit_of(ROOT, "src", "benchmarks"),
        "figures": report.figures,
        "asked": {figure: str(asked) for figure, asked in report.asked.items()},
        "reached": reached(report),
        "sides": report.sides,
        "ratios": report.ratios,
        "conditions": {"quick": options.quick, **report.conditions},
        "made_on": _surroundings(options),
    }


def write(content: dict[str, Any], folder: Path) -> Path:
    """Write a result to `folder`/NAME.json, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{content['benchmark']}.json"
    beside = path.with_name(f".{path.name}")
    beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)
    return path


def write_page(name: str, report: Report, folder: Path) -> Path:
    """Write a report's tables to `folder`/NAME.md, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    beside = path.with_name(f".{path.name}")
    beside.write_text(report.page, encoding="utf-8")
    os.replace(beside, path)
    return path


def lines(name: str, report: Report) -> Iterable[str]:
    """Yield what a reader wants to see: speeds of the sides, figures, and tables if there are."""
    for side, speeds in report.sides.items():
        peak = "" if speeds["peak_mb"] is None else f"peak {speeds['peak_mb']:,.0f} MB"
        spread = f"({_number(speeds['min'])} to {_number(speeds['max'])})"
        yield f"{side:28} {_number(speeds['median']):>10} {speeds['unit']:12} {spread:24} {peak}"
    for figure, value in report.figures.items():
        if report.page and isinstance(value, list):  # rows, which the page has as tables
            continue
        rounds = report.ratios.get(figure)
        between = f"({_number(rounds['min'])} to {_number(rounds['max'])})" if rounds else ""
        yield f"{figure:28} {_number(value):>10} {between:24} {_verdict(figure, report)}".rstrip()
    for figure in report.asked.keys() - report.figures.keys():
        yield f"{figure:28} not measured; asked {report.asked[figure]}"
    yield from report.page.splitlines()


def reached(report: Report) -> dict[str, bool | None]:
    """Tell of each figure that something is asked of whether it is reached; None: not measured."""
    return {
        figure: asked.reached_by(report.figures[figure]) if figure in report.figures else None
        for figure, asked in report.asked.items()
    }


def table(folder: Path) -> str:
    """Return the results in a folder as a table in Markdown: asked, measured, command."""
    rows = ["| benchmark | figure | asked | measured | command |", "|---|---|---|---|---|"]
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        for figure, asked in content["asked"].items():
            value, spread = content["figures"].get(figure), content["ratios"].get(figure)
            measured = "not measured" if value is None else _number(value)
            if spread:
                measured += f" ({_number(spread['min'])} to {_number(spread['max'])})"
            cells = (content["benchmark"], f"`{figure}`", asked, measured)
            rows.append(f"| {' | '.join(cells)} | `{content['command']}` |")
    return "\n".join(rows) + "\n"


def _verdict(figure: str, report: Report) -> str:
    if figure not in report.asked:
        return ""
    asked: Asked = report.asked[figure]
    return f"asked {asked}: {'reached' if reached(report)[figure] else 'not reached'}"


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _surroundings(options: Options) -> dict[str, Any]:
    found = provenance()
    found["hardware"]["torch_threads"] = options.threads
    found["hardware"]["instructions"] = _instructions()
    return found


def _instructions() -> list[str]:
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return []
    flags = set(file.read_text("utf-8", "replace").partition("flags")[2].partition("\n")[0].split())
    return [flag for flag in _FLAGS if flag in flags]
