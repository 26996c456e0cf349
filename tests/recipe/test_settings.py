"""How many passes the recipe makes, by how much there is to learn from."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings


@pytest.mark.parametrize(("labels", "passes"), [(100, 3), (5_000, 3), (18_470, 2)])
def test_texts_are_read_less_often_where_many_have_labels(labels: int, passes: int) -> None:
    found = LanguageModelSettings().for_documents(labels)
    assert (found.passes, found.sampled) == (passes, passes == 2)
    given = LanguageModelSettings(epochs=7, sampled=False)
    assert given.for_documents(labels) == given
    assert replace(found, share=0.5).passes == 1


@pytest.mark.parametrize(
    ("documents", "rows", "epochs"),
    [(40, 5, [4, 12]), (900, 16, [3, 9]), (1_920, 16, [1, 3]), (16_600, 32, [1, 2])],
)
def test_many_documents_are_read_less_often_and_more_at_a_time(
    documents: int, rows: int, epochs: list[int]
) -> None:
    how = ClassifierSettings()
    assert how.rows_of(documents) == rows
    assert [phase.epochs for phase in how.phases(documents, groups=4)] == epochs


@given(st.integers(1, 40_000), st.integers(2, 64), st.floats(0.5, 4), st.integers(1, 9))
def test_what_is_asked_for_goes_before_the_number_of_documents(
    documents: int, rows: int, last: float, epochs: int
) -> None:
    how = ClassifierSettings(batch_size=rows, last=last, epochs=epochs)
    assert how.rows_of(documents) == min(rows, max(4, documents // 8))
    found = [phase.epochs for phase in how.phases(documents, groups=4)]
    assert found == [epochs, max(1, round(last * epochs))]


@given(st.floats(0.01, 1), st.integers(10, 40_000))
def test_a_share_of_the_epochs_keeps_one_of_each_phase(share: float, documents: int) -> None:
    whole = ClassifierSettings().phases(documents, groups=4)
    part = ClassifierSettings(share=share).phases(documents, groups=4)
    for before, after in zip(whole, part, strict=True):
        assert after.epochs == max(1, math.floor(share * before.epochs + 1e-9))


@pytest.mark.parametrize("name", ["lr", "last", "share"])
@pytest.mark.parametrize("given", [0, -1.0, math.inf, "fast"])
def test_a_number_that_is_not_positive_is_refused(name: str, given: object) -> None:
    with pytest.raises(DataError, match=name):
        ClassifierSettings(**{name: given})  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [LanguageModelSettings, ClassifierSettings])
@pytest.mark.parametrize("epochs", [0, -1, 1.5])
def test_epochs_are_one_at_least(settings: type, epochs: object) -> None:
    with pytest.raises(DataError, match="epochs"):
        settings(epochs=epochs)
