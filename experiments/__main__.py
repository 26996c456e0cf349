"""Run one experiment: `python -m experiments NAME [--quick] [--json] [--seeds K]`."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path

from experiments._report import RESULTS, Options, write
from steadfit.core.errors import SteadfitError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line names, print its table, and keep what was found."""
    name, options, as_json, out = _parse(arguments)
    module = importlib.import_module(f"experiments.{name.replace('-', '_')}")
    try:
        found = module.run(options)
    except SteadfitError as error:
        raise SystemExit(f"experiments {name}: {error}") from error
    print("\n".join(found.table))
    if folder := out or (None if options.quick else RESULTS):
        for path in write(name, found, options, folder):
            print(f"wrote {path}")
    if as_json:
        print(json.dumps(found.figures))


def names() -> list[str]:
    """Return the names of all experiments."""
    modules = Path(__file__).parent.glob("[!_]*.py")
    return sorted(path.stem.replace("_", "-") for path in modules)


def _parse(arguments: Sequence[str] | None) -> tuple[str, Options, bool, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m experiments")
    parser.add_argument("name", choices=names())
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does all of it run?")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--seeds", type=int, metavar="K", help="seeds of each arm")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="trainings at a time (2)")
    parser.add_argument("--fresh", action="store_true", help="train again what was trained before")
    parser.add_argument("--text", type=Path, metavar="FILE", help="another text, plain or .xz")
    parser.add_argument("--config", type=Path, metavar="FILE", help="another grid for `sweep`")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write results there")
    given = parser.parse_args(arguments)
    for option in ("jobs", "seeds"):
        if getattr(given, option) is not None and getattr(given, option) < 1:
            parser.error(f"--{option}: one or more")
    if given.config and given.name != "sweep":
        parser.error("--config: only `sweep` reads a grid")
    options = Options(given.quick, given.seeds, given.jobs, given.fresh, given.text, given.config)
    return given.name, options, given.json, given.out


if __name__ == "__main__":
    main()
