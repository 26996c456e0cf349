"""What is drawn is what was measured, and the same figure gives the same file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from steadfit.core.errors import DataError
from steadfit.report.figures import (
    figure_of_losses,
    figure_of_norms,
    figure_of_range_test,
    figure_of_rates,
    save_figure,
)
from steadfit.training.history import EpochRecord, History, StepRecord
from steadfit.training.lr_finder import RangeTest

RATES = [10 ** (-6 + i / 10) for i in range(50)]
TEST = RangeTest(RATES, [5 - i / 20 for i in range(50)], RATES[30])


def history(*epochs: int) -> History:
    """Fits of so many epochs each, of three steps an epoch."""
    made = History()
    for count in epochs:
        for epoch in range(count):
            for _ in range(3):
                step = len(made.steps)
                made.steps.append(
                    StepRecord(step, 0.01 + step, 0.9 - step / 100, 2.0, 3.0 - step / 10, {})
                )
            valid = None if epoch == 1 else 1.0 + len(made.epochs)
            made.epochs.append(EpochRecord(epoch, 2.0, valid, {}, 1.0, 1.0, len(made.steps)))
    return made


def points(figure: Figure, panel: int = 0, line: int = 0) -> list[tuple[float, float]]:
    drawn = figure.axes[panel].lines[line]
    return list(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_range_test_is_drawn_without_its_ends_on_a_logarithmic_axis() -> None:
    figure = figure_of_range_test(TEST, skip_start=10, skip_end=5)
    assert points(figure) == list(zip(RATES[10:45], TEST.losses[10:45], strict=True))
    assert figure.axes[0].get_xscale() == "log"


def test_the_suggestion_is_marked_on_the_curve() -> None:
    figure = figure_of_range_test(TEST)
    assert points(figure, line=2) == [(RATES[30], TEST.losses[30])]
    assert legend(figure) == ["suggestion: 1.0e-03"]
    assert len(figure_of_range_test(TEST, suggestion=False).axes[0].lines) == 1


def test_a_range_test_too_short_to_skip_is_drawn_whole() -> None:
    figure = figure_of_range_test(RangeTest(RATES[:16], TEST.losses[:16], RATES[0]))
    assert len(points(figure)) == 16


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (0, -1)])
def test_a_negative_number_to_skip_is_refused(start: int, end: int) -> None:
    with pytest.raises(DataError, match="0 or more"):
        figure_of_range_test(TEST, start, end)


def test_training_loss_stands_by_step_and_validation_where_an_epoch_ended() -> None:
    figure = figure_of_losses(history(3))
    assert points(figure)[4] == (4, pytest.approx(2.6))
    assert points(figure, line=1) == [(3, 1.0), (9, 3.0)]  # the second epoch was not validated
    assert legend(figure) == ["training (smoothed)", "validation"]


def test_each_further_fit_is_marked_once_where_it_began() -> None:
    figure = figure_of_losses(history(1, 2, 1))
    marks = [line.get_xdata()[0] for line in figure.axes[0].lines[2:]]
    assert marks == [3, 9]
    assert legend(figure)[2:] == ["new fit"]


def test_rates_and_momentum_stand_in_panels_of_their_own() -> None:
    figure = figure_of_rates(history(2))
    assert points(figure, 0)[5] == (5, pytest.approx(5.01))
    assert points(figure, 1)[5] == (5, pytest.approx(0.85))
    assert [axes.get_ylabel() for axes in figure.axes] == ["learning rate", "momentum"]


@pytest.mark.parametrize("draw", [figure_of_losses, figure_of_rates])
def test_an_empty_history_is_refused(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="no steps"):
        draw(History())


def test_norms_are_drawn_raw_and_as_a_running_mean_from_step_one() -> None:
    curve = np.random.default_rng(0).normal(5, 1, 400).tolist()
    figure = figure_of_norms({"plain": curve}, horizon=70)
    assert points(figure) == list(zip(range(1, 401), curve, strict=True))
    smooth = [y for _, y in points(figure, line=1)]
    assert smooth[0] == pytest.approx(curve[0])  # spans: 1, 3, … 9 steps, one-sided at the end
    assert smooth[2] == pytest.approx(np.mean(curve[0:5]))
    assert smooth[200] == pytest.approx(np.mean(curve[196:205]))
    assert smooth[399] == pytest.approx(np.mean(curve[395:400]))
    assert legend(figure) == ["plain", "training: 70 steps"]


@pytest.mark.parametrize(("peak", "scale"), [(19.0, "linear"), (21.0, "log")])
def test_the_height_is_logarithmic_only_where_curves_lie_far_apart(peak: float, scale: str) -> None:
    figure = figure_of_norms({"a": [0.1, 1.0], "b": [0.1, peak]})
    assert figure.axes[0].get_yscale() == scale


@pytest.mark.parametrize("curves", [{}, {"a": []}, {"a": [1.0, float("nan")]}])
def test_curves_that_cannot_be_drawn_are_refused(curves: dict[str, list[float]]) -> None:
    with pytest.raises(DataError, match="norm curve"):
        figure_of_norms(curves)


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_figure(figure_of_losses(history(2)), tmp_path / name)
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert b"Software" not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_another_file_type_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.png"):
        save_figure(figure_of_losses(history(1)), tmp_path / "loss.svg")
    assert list(tmp_path.iterdir()) == []


def test_figures_need_neither_torch_nor_the_state_of_pyplot() -> None:
    code = (
        "import sys, steadfit.report.figures;"
        "print([name for name in ('torch', 'matplotlib.pyplot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
