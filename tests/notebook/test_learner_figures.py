"""The figures that a learner writes beside its weights are figures of these weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steadfit import AverageWeights, BestModel, Callback, EarlyStopping


def figures(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text("utf-8"))


def test_figures_are_those_of_the_weights_beside_them(clas: Any, tmp_path: Path) -> None:
    learn = clas()
    learn.fit_one_cycle(2, 2e-2)
    learn.save_encoder("encoder")
    good = figures(learn.save("good"))
    assert [good["valid_loss"], good["accuracy"]] == learn.validate()
    learn.fit(1, 3.0)
    assert figures(learn.export("after")) != good
    learn.load("good")
    assert figures(learn.export("again")) == good
    fresh = clas().load("good")
    assert figures(fresh.export("fresh")) == good
    fresh.load_encoder("encoder")
    assert figures(fresh.export("other")) == {}


@pytest.mark.parametrize(
    "best",
    [lambda path: BestModel(path), lambda _: EarlyStopping(patience=9, restore_best=True)],
)
def test_where_the_best_epoch_is_put_back_the_figures_are_its(
    clas: Any, tmp_path: Path, best: Any
) -> None:
    learn = clas()
    learn.fit(3, 0.5, callbacks=best(tmp_path / "best"))
    epochs = learn.recorder.history.epochs
    losses = [epoch.valid_loss for epoch in epochs]
    assert losses.index(min(losses)) < 2, "the last one is the best: the case says nothing"
    assert figures(learn.export())["valid_loss"] == min(losses) == learn.validate()[0]


def test_weights_that_nobody_judged_have_no_figures(clas: Any) -> None:
    class Stop(Callback):
        def on_step_end(self, run: Any) -> None:
            raise KeyboardInterrupt

    learn = clas()
    assert figures(learn.export()) == {}
    learn.fit_one_cycle(1, 1e-2, callbacks=AverageWeights(1.0))
    assert figures(learn.export()) == {}
    learn.fit_one_cycle(1, 1e-2)
    assert figures(learn.export())
    with pytest.raises(KeyboardInterrupt):
        learn.fit_one_cycle(1, 1e-2, callbacks=Stop())
    assert figures(learn.export()) == {}
