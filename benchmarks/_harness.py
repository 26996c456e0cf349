"""Sides measured in turn, round after round, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._environments import peer_python
from benchmarks._sides import Side, Worker
from benchmarks._statistics import ratios, significant, summary


@dataclass(frozen=True)
class Options:
    """What the command line says about a run."""

    quick: bool = False
    threads: int = 2
    device: str = "cpu"
    out: Path | None = None
    kept: bool = False

    @property
    def words(self) -> list[str]:
        """The command line's words that give these options."""
        words = ["--quick"] * self.quick + ["--kept"] * self.kept
        words += ["--threads", str(self.threads)]
        return words + ["--device", self.device] * (self.device != "cpu")


@dataclass(frozen=True)
class Asked:
    """What a figure should reach: at least, or at most; `stretch` is what is hoped for."""

    least: float | None = None
    most: float | None = None
    stretch: float | None = None

    def reached_by(self, value: float) -> bool:
        """Tell whether a measured value is good enough."""
        low = self.least is None or value >= self.least
        return low and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        bounds = [f">= {self.least:g}"] if self.least is not None else []
        bounds += [f"<= {self.most:g}"] if self.most is not None else []
        hope = f" (stretch {self.stretch:g})" if self.stretch is not None else ""
        return " and ".join(bounds) + hope


@dataclass
class Measured:
    """The rounds of one side."""

    name: str
    unit: str
    speeds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peak_mb: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "unit": self.unit,
            **summary(self.speeds),
            "peak_mb": self.peak_mb,
            "versions": self.versions,
        }


@dataclass
class Report:
    """What a benchmark found.

    Attributes:
        figures: the numbers it is about, by name.
        asked: what some of them should reach.
        sides: speeds of each side.
        ratios: by the name of their figure, over rounds.
        conditions: what was measured: sizes, samples, dtypes.
        page: tables in Markdown, to stand beside the result; empty where the figures say all.
    """

    figures: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    sides: dict[str, dict[str, Any]] = field(default_factory=dict)
    ratios: dict[str, dict[str, Any]] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    page: str = ""

    def compare(
        self,
        figure: str,
        ours: Measured | None,
        peer: Measured | None,
        asked: Asked | None = None,
    ) -> None:
        """Add the ratio of two sides' speeds; nothing where one of them was not measured."""
        if asked is not None:
            self.asked[figure] = asked
        if ours is None or peer is None:
            return
        self.ratios[figure] = summary(ratios(ours.speeds, peer.speeds))
        self.figures[figure] = self.ratios[figure]["median"]

    def compare_memory(
        self,
        figure: str,
        ours: Measured | None,
        peer: Measured | None,
        asked: Asked | None = None,
    ) -> None:
        """Add the ratio of two sides' peaks."""
        if asked is not None:
            self.asked[figure] = asked
        if ours and peer and ours.peak_mb and peer.peak_mb:
            self.figures[figure] = significant(ours.peak_mb / peer.peak_mb)

    def add_sides(self, measured: Mapping[str, Measured]) -> None:
        """Add the speeds of all sides."""
        self.sides.update({side.name: side.to_dict() for side in measured.values()})


def measure(
    sides: Sequence[Side | None],
    options: Options,
    *,
    unit: str,
    rounds: int,
    warm_up: int = 1,
    pieces: int = 1,
    fresh: bool = False,
) -> dict[str, Measured]:
    """Let the sides work in turn, A B A B, while the others sleep.

    Args:
        sides: what to start; None stands for a side whose environment is missing.
        options: threads and device.
        unit: of the speed, such as "tokens/s".
        rounds: orders for each side that count.
        warm_up: orders before these, that do not.
        pieces: how much an order asks for (see `benchmarks._worker.Laps`).
        fresh: start every side anew in every round, so that it is cold.

    Returns:
        The speeds, work ÷ seconds of each round, by the sides' names.
    """
    present = [side for side in sides if side is not None]
    found = {side.name: Measured(side.name, unit) for side in present}
    if fresh:
        for number in range(warm_up + rounds):
            for side in present:
                with Worker(side, options.threads, options.device) as worker:
                    worker.prepare()
                    _turn(worker, found[side.name], pieces, counts=number >= warm_up)
        return found
    with ExitStack() as stack:
        workers = []
        for side in present:  # one after the other: two that start at once need twice the memory
            workers.append(stack.enter_context(Worker(side, options.threads, options.device)))
            workers[-1].prepare()
        for number in range(warm_up + rounds):
            for worker in workers:
                _turn(worker, found[worker.side.name], pieces, counts=number >= warm_up)
    return found


def fastai(name: str, target: str, options: Options, **settings: Any) -> Side | None:
    """Return a side that runs in fastai's environment, or None if there is none."""
    return peer("fastai", name, target, options, **settings)


def peer(
    environment: str, name: str, target: str, options: Options, **settings: Any
) -> Side | None:
    """Return a side of a peer, in its environment; it is made now unless the run is a quick one."""
    python = peer_python(environment, build=not options.quick)
    return None if python is None else Side(name, target, settings, python)


def _turn(worker: Worker, measured: Measured, pieces: int, counts: bool) -> None:
    report = worker.go(pieces=pieces)
    measured.peak_mb, measured.versions = worker.peak_mb, worker.versions
    if counts:
        measured.seconds.append(report["seconds"])
        measured.speeds.append(report["work"] / report["seconds"])
        measured.reports.append(report)
