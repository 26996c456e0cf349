"""Figure and file of norm curves hold what was measured."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from steadfit.core.errors import DataError
from steadfit.penalties import NormCurves
from steadfit.report.norm_curves import (
    draw_norm_curves,
    figure_of_norm_curves,
    write_norm_curves,
)


def curves(norm: list[float], zero: float = 0.0, score: list[float] | None = None) -> NormCurves:
    values = torch.tensor(norm)
    change = torch.cat([torch.tensor([math.nan]), values.diff().abs()])
    return NormCurves(
        values,
        change,
        torch.linspace(0, 0.5, len(norm)),
        torch.full_like(values, zero),
        None if score is None else torch.tensor(score),
    )


def heights(figure: Figure) -> list[str]:
    return [axes.get_ylabel() for axes in figure.axes]


def points(figure: Figure, panel: int, line: int = 0) -> list[tuple[float, float]]:
    drawn = figure.axes[panel].lines[line]
    return list(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_each_quantity_has_a_panel_and_each_label_a_line_from_its_first_step() -> None:
    figure = figure_of_norm_curves({"a": curves([1.0, 3.0, 2.0]), "b": curves([2.0, 2.0])})
    assert len(figure.axes) == 3
    assert points(figure, 0) == [(1, 1.0), (2, 3.0), (3, 2.0)]
    assert points(figure, 1) == [(2, 2.0), (3, 1.0)]  # nothing changes at step 1
    assert points(figure, 2, line=2) == [(1, 0.0), (2, 0.5)]
    assert legend(figure) == ["a", "b", "training: 50 steps"]


def test_zeros_and_scores_are_drawn_where_there_are_any() -> None:
    with_both = {"a": curves([1.0, 2.0], zero=0.25), "b": curves([1.0, 2.0], score=[3.0, 2.0])}
    figure = figure_of_norm_curves(with_both, score_label="bits per character")
    assert heights(figure)[3:] == ["zero units (share)", "bits per character"]
    assert points(figure, 4) == [(1, 3.0), (2, 2.0)]


def test_quantities_are_drawn_as_they_are_named() -> None:
    figure = figure_of_norm_curves({"a": curves([1.0, 2.0])}, quantities=["zeros", "norm"])
    assert heights(figure) == ["zero units (share)", r"mean $\|h_t\|_2$"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "step t"]


def test_the_horizon_is_marked_in_every_panel_or_nowhere() -> None:
    of = {"a": curves([1.0] * 60)}
    for axes in figure_of_norm_curves(of, horizon=20).axes:
        assert list(axes.lines[-1].get_xdata()) == [20, 20]
    assert all(len(axes.lines) == 2 for axes in figure_of_norm_curves(of, horizon=None).axes)


@pytest.mark.parametrize(("log_time", "scale"), [(True, "log"), (False, "linear")])
def test_time_is_logarithmic_unless_asked_otherwise(log_time: bool, scale: str) -> None:
    figure = figure_of_norm_curves({"a": curves([1.0, 2.0])}, log_time=log_time)
    assert {axes.get_xscale() for axes in figure.axes} == {scale}


def test_the_strong_line_is_a_mean_over_a_tenth_of_the_steps_so_far() -> None:
    noisy = torch.rand(400, generator=torch.Generator().manual_seed(0)).tolist()
    figure = figure_of_norm_curves({"a": curves(noisy)})
    smooth = [y for _, y in points(figure, 0, line=1)]
    assert smooth[:19] == pytest.approx(noisy[:19], abs=1e-6)  # step 20 is the first with others
    assert smooth[199] == pytest.approx(sum(noisy[189:210]) / 21, abs=1e-6)
    assert smooth[397] == pytest.approx(sum(noisy[395:400]) / 5, abs=1e-6)  # both sides alike


@pytest.mark.parametrize(("end", "scale"), [(19.0, "linear"), (21.0, "log")])
def test_norms_that_grow_far_beyond_the_horizon_have_a_logarithmic_height(
    end: float, scale: str
) -> None:
    figure = figure_of_norm_curves({"a": curves([0.01, 1.0, end])}, horizon=2)
    assert figure.axes[0].get_yscale() == scale
    assert figure.axes[2].get_yscale() == "linear"


def test_a_score_that_explodes_has_a_logarithmic_height() -> None:
    figure = figure_of_norm_curves({"a": curves([1.0, 1.0], score=[2.0, 1e9])}, horizon=1)
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "linear", "linear", "log"]


def test_a_curve_ends_where_it_is_no_longer_finite_and_says_so() -> None:
    figure = figure_of_norm_curves({"a": curves([1.0, 2.0, math.inf, math.nan]), "b": curves([1])})
    assert points(figure, 0) == [(1, 1.0), (2, 2.0)]
    assert legend(figure)[:2] == ["a (not finite from step 3)", "b"]


def test_gradients_are_drawn_as_far_as_they_reach() -> None:
    of = {"a": curves([1.0, 2.0, 3.0]).with_gradient(torch.tensor([8.0, 4.0]))}
    figure = figure_of_norm_curves(of, quantities=["norm", "gradient"])
    assert points(figure, 1) == [(1, 8.0), (2, 4.0)]
    assert legend(figure)[0] == "a"
    with pytest.raises(ValueError, match=r"\(4,\).*3 steps"):
        of["a"].with_gradient(torch.zeros(4))


def test_the_figure_is_written_as_png_the_same_each_time(tmp_path: Path) -> None:
    of = {"a": curves([1.0, 2.0, 3.0], score=[1.0, 1.0, 1.0])}
    first = draw_norm_curves(of, tmp_path / "a.png", horizon=2).read_bytes()
    assert first.startswith(b"\x89PNG")
    assert draw_norm_curves(of, tmp_path / "b.png", horizon=2).read_bytes() == first
    with pytest.raises(DataError, match=r"\.png"):
        draw_norm_curves(of, tmp_path / "a.svg")


def test_the_file_holds_every_number_and_leaves_empty_what_does_not_exist(tmp_path: Path) -> None:
    third = 1 / 3
    of = {
        'β = 50, "short"': curves([third, math.inf, math.nan]),
        "β = 0": curves([1.0, 4.0], zero=0.5, score=[2.5, third]).with_gradient(
            torch.tensor([8.0])
        ),
    }
    path = write_norm_curves(of, tmp_path / "curves.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == [
        "label",
        "step",
        "norm",
        "change",
        "saturation",
        "zeros",
        "score",
        "gradient",
    ]
    assert rows[1] == ['β = 50, "short"', "1", "0.333333343", "", "0", "0", "", ""]
    assert rows[2][2:4] == ["inf", "inf"]
    assert rows[3][2:4] == ["nan", "nan"]
    assert rows[4] == ["β = 0", "1", "1", "", "0", "0.5", "2.5", "8"]
    assert rows[5][-1] == ""
    assert torch.tensor(float(rows[5][-2])) == torch.tensor(third)  # to the last bit of float32
    assert len(rows) == 6
    assert b"\r" not in path.read_bytes()


def test_a_file_that_stood_there_is_as_it_was_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        write_norm_curves({"a": curves([1.0]), "\ud800": curves([1.0])}, path)
    assert [file.name for file in tmp_path.iterdir()] == ["curves.csv"]
    assert path.read_text(encoding="utf-8") == "before"


NONE: dict[str, NormCurves] = {}
EMPTY = {"a": NormCurves(*[torch.zeros(0)] * 4)}
UNEVEN = {"a": curves([1.0, 2.0])._replace(change=torch.zeros(3))}


@pytest.mark.parametrize(
    ("of", "message"), [(NONE, "No norm curves"), (EMPTY, "one or more"), (UNEVEN, "'change': 3")]
)
def test_curves_that_hold_nothing_or_do_not_fit_are_refused(
    of: dict[str, NormCurves], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        figure_of_norm_curves(of)
    with pytest.raises(DataError, match=message):
        write_norm_curves(of, tmp_path / "curves.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("quantities", [["score"], ["norms"], [], "norm"])
def test_quantities_that_are_not_there_are_refused(quantities: list[str]) -> None:
    with pytest.raises(DataError, match="norm, change, saturation, zeros, which"):
        figure_of_norm_curves({"a": curves([1.0, 2.0])}, quantities=quantities)


def test_a_horizon_before_the_first_step_is_refused() -> None:
    with pytest.raises(DataError, match="1 or more"):
        figure_of_norm_curves({"a": curves([1.0])}, horizon=0)
