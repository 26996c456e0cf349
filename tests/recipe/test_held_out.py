"""What is held out: shares of classes, whole groups, and no class left without a text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.recipe.held_out import hold_out
from steadfit.text.corpus import TRAIN, VALID, Corpus


def grouped(groups: list[str]) -> Corpus:
    labels = [("a", "b", "c")[row % 3] for row in range(len(groups))]
    return Corpus([f"text {row}" for row in range(len(groups))], labels, groups)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("pqrstuvw"), min_size=20, max_size=40), st.integers(0, 5))
def test_groups_are_never_parted_and_no_class_is_left_without_a_text(
    groups: list[str], seed: int
) -> None:
    corpus = grouped(groups)
    try:
        found = hold_out(corpus, 0.3, seed)
    except DataError:
        return
    train, valid = found.part(TRAIN), found.part(VALID)
    assert not set(train.groups or ()) & set(valid.groups or ())
    assert train.classes == corpus.classes
    assert len(valid)


def test_a_class_in_one_group_alone_stays_among_what_is_learned_from() -> None:
    groups = [f"g{row}" for row in range(20)]
    labels = ["rare" if row == 7 else "common" for row in range(20)]
    corpus = Corpus([f"text {row}" for row in range(20)], labels, groups)
    for seed in range(20):
        found = hold_out(corpus, 0.5, seed)
        assert "rare" in (found.part(TRAIN).labels or ())


def test_groups_that_leave_a_class_nothing_are_refused() -> None:
    groups = ["left", "right"] * 4
    labels = ["a" if group == "left" else "b" for group in groups]
    with pytest.raises(DataError, match=r"no document of [ab] to learn from"):
        hold_out(Corpus([str(row) for row in range(8)], labels, groups), 0.5, 0)


def test_of_a_class_with_one_document_none_is_held_out() -> None:
    found = hold_out(Corpus(list("abcdef"), ["x"] * 5 + ["y"]), 0.5, 0)
    assert "y" in (found.part(TRAIN).labels or ())


@pytest.mark.parametrize("times", [1, 2])
def test_a_long_tail_of_labels_stays_among_what_is_learned_from(times: int) -> None:
    labels = [("common", f"tag {row // times}") if row < 200 else ("common",) for row in range(400)]
    corpus = Corpus([f"text {row}" for row in range(400)], labels)
    found = hold_out(corpus, 0.1, 0)
    assert found.part(TRAIN).classes == corpus.classes
    assert len(found.part(VALID)) == 40
    assert hold_out(corpus, 0.1, 0).split == found.split
    assert hold_out(corpus, 0.1, 1).split != found.split


def test_documents_that_each_have_a_class_of_their_own_are_refused() -> None:
    corpus = Corpus([f"text {row}" for row in range(20)], [(f"tag {row}",) for row in range(20)])
    with pytest.raises(DataError, match=r"each has a class of its own\. Give more documents"):
        hold_out(corpus, 0.1, 0)


def test_documents_with_several_classes_are_held_out_too() -> None:
    labels = [["a"], ["a", "b"], [], ["b"]] * 5
    found = hold_out(Corpus([str(row) for row in range(20)], labels), 0.25, 0)
    assert len(found.part(VALID)) == 5
    assert found.part(TRAIN).classes == ("a", "b")
