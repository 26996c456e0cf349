"""A grid is read or refused; its best point is the one that validation chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments import char_lm, sweep
from experiments._figures import draw_heat_maps
from experiments._grid import Grid, read_grid
from experiments._report import Options
from steadfit.core.errors import DataError

AXES = "alpha = [0, 1]\nbeta = [0]\nbeta_norm = [0, 50]\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "grid.toml"
    file.write_text(AXES)
    return file


def test_a_grid_holds_every_combination(config: Path) -> None:
    grid = read_grid(config)
    assert list(grid.points()) == [(0, 0, 0), (0, 0, 50), (1, 0, 0), (1, 0, 50)]
    assert grid.rate == char_lm.RATES["lstm"]


def test_a_grid_says_how_to_train(config: Path, tmp_path: Path) -> None:
    config.write_text(AXES + 'cell = "irnn"\nunits = 7\nupdates = 9\nlr = 0.5\ntext = "a.txt"\n')
    text = str(tmp_path / "a.txt")
    assert read_grid(config) == Grid((0, 1), (0,), (0, 50), "irnn", 7, 9, 0.5, text)
    assert read_grid(config).rate == 0.5


def test_the_projects_own_grid_has_the_points_that_mean_no_penalty_and_the_papers() -> None:
    grid = read_grid(sweep.CONFIG)
    assert {(0, 0, 0), (2, 1, 0), (0, 0, 50), (2, 1, 50)} <= set(grid.points())
    assert Path(sweep.CONFIG.parents[1] / grid.text).exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (AXES + "gamma = 1", r"says gamma; accepted are alpha, beta, beta_norm, cell, units"),
        ("alpha = [0]\nbeta = [0]", r"says nothing of beta_norm; give beta_norm a list"),
        ("", "says nothing of alpha"),
        (AXES.replace("[0]", "[]"), "beta is empty, so the grid has no points"),
        (AXES.replace("[0]", "0"), "beta is 0; give beta a list of numbers from 0"),
        (AXES.replace("[0]", '["0"]'), r"beta is \['0'\]; give"),
        (AXES.replace("[0]", "[true]"), r"beta is \[True\]; give"),
        (AXES.replace("[0]", "[-1]"), r"beta is \[-1\]; give"),
        (AXES.replace("[0]", "[nan]"), r"beta is \[nan\]; give"),
        (AXES.replace("[0]", "[inf]"), r"beta is \[inf\]; give"),
        (AXES.replace("[0]", f"[1{'0' * 400}]"), "give beta a list of numbers from 0"),
        (AXES.replace("[0]", "[1, 1.0]"), "a value twice"),
        (AXES + "units = 0", "units is 0; it is a whole number from 1"),
        (AXES + "updates = 1.5", "updates is 1.5; it is a whole number from 1"),
        (AXES + "updates = true", "updates is True; it is a whole number"),
        (AXES + "lr = 0", "lr is 0; it is a number above 0"),
        (AXES + "lr = nan", "lr is nan; it is"),
        (AXES + 'cell = "gru"', "cell is 'gru'; it is one of lstm, irnn, tanh"),
        (AXES + "cell = [1]", r"cell is \[1\]; it is one of"),
        (AXES + "text = 3", "text is 3; it is the name of a file"),
        ("alpha = [", "cannot be read as TOML"),
        (b"\xff\xfe", "cannot be read as TOML"),
    ],
)
def test_what_is_no_grid_is_told(content: str | bytes, told: str, config: Path) -> None:
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=told):
        read_grid(config)


def test_a_file_that_is_not_there_or_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*missing\.toml; name a TOML file"):
        read_grid(tmp_path / "missing.toml")
    with pytest.raises(DataError, match="cannot be read as TOML"):
        read_grid(tmp_path)


def test_validation_chooses_and_test_only_reports(
    config: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(seed: int, how: dict[str, Any], **settings: Any) -> dict[str, Any]:
        point = (how["alpha"], how["norm"])
        if point == (1, 50) and seed == 1:
            return {"diverged": 3}
        valid = {(0, 0): 2.5, (0, 50): 2.2, (1, 0): 2.4, (1, 50): 1.0}[point]
        return {"diverged": None, "valid_bpc": valid + 0.1 * seed, "test_bpc": 5 - valid}

    monkeypatch.setattr(char_lm, "one", one)
    found = sweep.run(Options(jobs=1, seeds=2, config=config))
    best = found.figures["best"]
    assert (best["alpha"], best["beta"], best["beta_norm"]) == (0, 0, 50)
    assert (best["valid_bpc"], best["test_bpc"]) == (2.25, 2.8)
    assert (found.figures["none"]["valid_bpc"], found.figures["none"]["seeds"]) == (2.55, 2)
    lost = found.figures["points"][-1]
    assert (lost["diverged"], lost["valid_bpc"], lost["test_bpc"]) == (1, None, None)
    assert found.table[2:4] == [
        "| α = 0, β = 0 | 2.550 | **2.250** |",
        "| α = 1, β = 0 | 2.450 | diverged |",
    ]
    assert "β_norm = 50: 2.250; test 2.800 ± 0.000 (2 seeds)" in found.table[-2]
    assert found.draw is not None
    assert [path.name for path in found.draw(tmp_path)] == ["sweep.png"]


def test_a_grid_whose_points_all_diverge_has_no_best(
    config: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(char_lm, "one", lambda **settings: {"diverged": 1})
    found = sweep.run(Options(jobs=1, config=config))
    assert found.figures["best"] is None
    assert "diverged" in found.table[-1]
    assert found.draw is not None
    assert found.draw(tmp_path)[0].exists()


def test_heat_maps_write_each_value_where_its_row_and_column_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(
        "experiments._figures.save_figure", lambda figure, path: drawn.append(figure) or path
    )
    maps = {"a": [[1.0, 2.0, 3.0], [4.0, None, 6.0]], "b": [[0.5, 7.0, 8.0], [9.0, 9.5, 9.25]]}
    rows, columns = ("α", [0.0, 2.0]), ("β", [0.0, 1.0, 4.0])
    draw_heat_maps(maps, tmp_path / "maps.png", rows, columns, unit="bits", title="maps")
    panels = [axes for axes in drawn[0].axes if axes.get_title()]
    for axes, values in zip(panels, maps.values(), strict=True):
        written = {text.get_position(): text.get_text() for text in axes.texts}
        for y, row in enumerate(values):
            for x, value in enumerate(row):
                assert written[x, y] == ("diverged" if value is None else f"{value:.3f}")
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "4"]
        assert axes.get_images()[0].get_clim() == (0.5, 9.5)
    assert [len(axes.patches) for axes in panels] == [0, 1]  # the least of all is framed
