"""What an experiment found, as a file, figures and lines to read."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments._runs import ROOT, stamp
from steadfit.core.atomic import write_json

RESULTS = ROOT / "results" / "experiments"
UNKNOWN = "unknown"  # of runs that were kept before they kept it


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        quick: sizes that end in under a minute and show nothing but that all of it runs.
        seeds: how many; None is the experiment's own number.
        jobs: trainings at a time.
        fresh: train again what was trained before.
        text: another text than the experiment's own.
        config: another grid than the sweep's own.
    """

    quick: bool = False
    seeds: int | None = None
    jobs: int = 2
    fresh: bool = False
    text: Path | None = None
    config: Path | None = None

    @property
    def words(self) -> list[str]:
        """The options as they stand on the command line."""
        said = ["--quick"] if self.quick else []
        said += ["--seeds", str(self.seeds)] if self.seeds is not None else []
        said += ["--text", str(self.text)] if self.text else []
        return said + (["--config", str(self.config)] if self.config else [])


@dataclass
class Found:
    """What an experiment found.

    Attributes:
        figures: what `--json` prints: nested plain values.
        runs: all trainings, settings and figures.
        draw: writes the figures into a folder and returns their paths.
        table: lines of a table in Markdown.
    """

    figures: dict[str, Any]
    runs: Sequence[dict[str, Any]]
    table: Sequence[str]
    draw: Callable[[Path], list[Path]] | None = None
    conditions: dict[str, Any] = field(default_factory=dict)


def write(name: str, found: Found, options: Options, folder: Path) -> list[Path]:
    """Write `folder`/NAME.json and the experiment's figures; return their paths.

    `commit` and `made_on` are those of the runs, which may have been kept long before: a list where
    they differ, and then each run says its own. `written_at` is the commit of the table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    seconds = sum(run.get("seconds", 0.0) for run in found.runs)
    made_on, runs = _of_runs(found.runs, "made_on"), found.runs
    if not isinstance(made_on, list):
        runs = [{k: v for k, v in run.items() if k != "made_on"} for run in runs]
    write_json(
        path,
        {
            "experiment": name,
            "command": " ".join(["python -m experiments", name, *options.words]),
            "commit": _of_runs(found.runs, "commit"),
            "written_at": stamp()["commit"],
            "core_seconds": round(seconds),
            "conditions": {"quick": options.quick, **found.conditions},
            "figures": found.figures,
            "runs": runs,
            "made_on": made_on,
        },
    )
    table = folder / f"{name}.md"
    table.write_text("\n".join(found.table) + "\n", encoding="utf-8")
    return [path, table, *(found.draw(folder) if found.draw else [])]


def _of_runs(runs: Sequence[dict[str, Any]], name: str) -> Any:
    """Return what all runs have under a name; where they differ, a list of what there is."""
    different: list[Any] = []
    for run in runs:
        if (value := run.get(name) or UNKNOWN) not in different:
            different.append(value)
    return different[0] if len(different) == 1 else different


def mean_and_spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean and sample standard deviation, zero for one value."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": round(statistics.fmean(values), 4), "sd": round(spread, 4), "n": len(values)}
