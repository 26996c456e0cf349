"""Run one benchmark, or `all`, or make the `table`: `python -m benchmarks NAME [--quick]`."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks._harness import Options, Report
from benchmarks._results import RESULTS, lines, result, table, write, write_page
from benchmarks._sides import SideError

ALL, TABLE = "all", "table"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line names, print its figures, and keep them unless it was quick."""
    options, name, as_json = _parse(arguments)
    if name == ALL:
        run_all(options)
        return
    if name == TABLE:
        write_table(options.out or RESULTS)
        return
    module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
    report = _run(module, options)
    for line in lines(name, report):
        print(line)
    content = result(name, report, options)
    if folder := options.out or (None if options.quick else RESULTS):
        print(f"wrote {write(content, folder)}")
        if report.page:
            print(f"wrote {write_page(name, report, folder)}")
    if as_json:
        print(json.dumps({**content, **report.figures}))


def run_all(options: Options) -> None:
    """Run every benchmark in a process of its own, then make the table of what was written."""
    folder = options.out or (None if options.quick else RESULTS)
    failed = []
    for name in names():
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", "benchmarks", name, *options.words]
        if folder is not None:
            command += ["--out", str(folder)]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if folder is not None:
        write_table(folder)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def write_table(folder: Path) -> None:
    """Make the table of what was written."""
    (folder / "README.md").write_text(_page(folder), encoding="utf-8")
    print(table(folder))


def _run(module: ModuleType, options: Options) -> Report:
    if not hasattr(module, "run"):  # one without a peer, a figure or two of its own
        return Report(figures=module.main(quick=options.quick))
    try:
        report: Report = module.run(options)
    except SideError as error:
        raise SystemExit(f"A side failed.\n{error}") from error
    return report


def names() -> list[str]:
    """Return the names of all benchmarks."""
    modules = Path(__file__).parent.glob("[!_]*.py")
    return sorted(path.stem.replace("_", "-") for path in modules)


def _page(folder: Path) -> str:
    about = (
        "Written by `python -m benchmarks all`, or by `table` from the files beside it. A ratio\n"
        "is the median over rounds, its range behind; each file has all rounds, versions and\n"
        "hardware."
    )
    return f"# Benchmarks\n\n{about}\n\n{table(folder)}"


def _parse(arguments: Sequence[str] | None) -> tuple[Options, str, bool]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=[*names(), ALL, TABLE])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of each side (2)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write NAME.json there")
    kept = "accuracy: make the tables of what was computed before"
    parser.add_argument("--kept", action="store_true", help=kept)
    given = parser.parse_args(arguments)
    if given.threads < 1:
        parser.error("--threads: one or more")
    options = Options(given.quick, given.threads, given.device, given.out, given.kept)
    return options, given.name, given.json


if __name__ == "__main__":
    main()
