"""Run one benchmark: `python -m benchmarks NAME [--quick] [--json]`."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path


def main() -> None:
    """Import the module that NAME stands for, run it, and print what it returns."""
    modules = Path(__file__).parent.glob("[!_]*.py")
    names = sorted(path.stem.replace("_", "-") for path in modules)
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=names)
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    arguments = parser.parse_args()
    module = importlib.import_module(f"benchmarks.{arguments.name.replace('-', '_')}")
    figures = module.main(quick=arguments.quick)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
