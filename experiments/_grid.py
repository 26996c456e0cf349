"""A grid of coefficients, read from a TOML file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from experiments._characters import BROWN
from experiments.char_lm import CELLS, RATES
from steadfit.core.errors import DataError, MissingExtraError

AXES = ("alpha", "beta", "beta_norm")
_LARGEST = 1e9


@dataclass(frozen=True)
class Grid:
    """What is trained: every α with every β and every β_norm.

    Attributes:
        alpha: coefficients of AR.
        beta: coefficients of TAR.
        beta_norm: coefficients of the norm stabilizer.
        cell: "lstm", "irnn" or "tanh".
        units: of the one layer.
        updates: steps of the optimizer.
        lr: Adam's rate; None is the cell's own.
        text: a file, plain or .xz.
    """

    alpha: tuple[float, ...]
    beta: tuple[float, ...]
    beta_norm: tuple[float, ...]
    cell: str = "lstm"
    units: int = 128
    updates: int = 2000
    lr: float | None = None
    text: str = str(BROWN.relative_to(BROWN.parents[2]))

    @property
    def rate(self) -> float:
        """Adam's rate."""
        return RATES[self.cell] if self.lr is None else self.lr

    def axes(self) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Yield each axis with its values."""
        return ((axis, getattr(self, axis)) for axis in AXES)

    def points(self) -> Iterator[tuple[float, float, float]]:
        """Yield every (α, β, β_norm)."""
        return itertools.product(self.alpha, self.beta, self.beta_norm)


def read_grid(path: str | Path) -> Grid:
    """Read a grid; a text it names is looked for from the file's own folder.

    Raises:
        DataError: there is no such file, it is no TOML, or what it says is no grid.
        MissingExtraError: this Python reads no TOML.
    """
    path = Path(path)
    toml = _toml()
    try:
        said: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"there is no {path}; name a TOML file with {_listed(AXES)}") from error
    except (OSError, UnicodeDecodeError, toml.TOMLDecodeError) as error:
        raise DataError(f"{path} cannot be read as TOML ({error})") from error
    accepted = [field.name for field in fields(Grid)]
    if unknown := sorted(said.keys() - set(accepted)):
        raise DataError(f"{path} says {_listed(unknown)}; accepted are {_listed(accepted)}")
    for name in AXES:
        said[name] = _axis(path, name, said.get(name))
    for name in ("units", "updates"):
        _check(path, said, name, "a whole number from 1", lambda v: isinstance(v, int) and v >= 1)
    _check(path, said, "lr", "a number above 0", lambda v: _is_number(v) and 0 < v <= _LARGEST)
    _check(path, said, "cell", f"one of {_listed(CELLS)}", lambda v: v in CELLS)
    _check(path, said, "text", "the name of a file", lambda v: isinstance(v, str) and v != "")
    if "text" in said:
        said["text"] = str(path.parent / said["text"])
    return Grid(**said)


def _axis(path: Path, name: str, values: object) -> tuple[float, ...]:
    wanted = f"give {name} a list of numbers from 0, such as {name} = [0, 1, 5]"
    if values is None:
        raise DataError(f"{path} says nothing of {name}; {wanted} ([0] leaves the penalty out)")
    if not isinstance(values, list) or not all(map(_is_coefficient, values)):
        raise DataError(f"{path}: {name} is {values!r}; {wanted}")
    if not values:
        raise DataError(f"{path}: {name} is empty, so the grid has no points; {wanted}")
    if len(set(values)) < len(values):
        raise DataError(f"{path}: {name} is {values!r}, a value twice; name each once")
    return tuple(float(value) for value in values)


def _check(path: Path, said: dict[str, Any], name: str, wanted: str, is_fine: Any) -> None:
    # TOML's true and false are Python's, which pass for whole numbers.
    if name in said and (isinstance(said[name], bool) or not is_fine(said[name])):
        raise DataError(f"{path}: {name} is {said[name]!r}; it is {wanted}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_coefficient(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= _LARGEST


def _listed(names: Any) -> str:
    return ", ".join(names)


def _toml() -> Any:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        try:
            import tomli as tomllib
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "a grid is a TOML file, which Python reads from 3.11 on; take Python 3.11, or "
                "install tomli (pytest brings it along)"
            ) from error
    return tomllib
