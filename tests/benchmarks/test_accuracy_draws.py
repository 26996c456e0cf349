"""No column of `accuracy` learns from what judges it, and draws are what they say."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from importlib import resources
from itertools import pairwise

import pytest

from benchmarks._accuracy_draws import CLASSES, Draw, Part, Split, draw, for_settings, split_by_film
from benchmarks._reviews import reviews


@pytest.fixture(scope="module")
def split() -> Split:
    return split_by_film()


@pytest.fixture(scope="module")
def rows() -> dict[str, list[int]]:
    """The split as it is kept: rows of the package."""
    source = resources.files("steadfit.text") / "data" / "imdb25k_split.json"
    return json.loads(source.read_text(encoding="utf-8"))


@cache
def bare(text: str) -> str:
    """Return a text in lower case without a difference in white space."""
    return " ".join(text.split()).lower()


DRAWS = [(18_470, 0), *((labels, number) for labels in (1_000, 100) for number in range(3))]


@pytest.mark.parametrize(("labels", "number"), DRAWS)
def test_nothing_that_a_draw_holds_is_a_test_review_or_of_a_test_film(
    split: Split, rows: dict[str, list[int]], labels: int, number: int
):
    hidden = {*rows["test"], *rows["shared_films"]}
    hidden_texts = {bare(reviews()[row].text) for row in hidden}
    drawn = draw(split, labels, number)
    assert not hidden & set(drawn.labelled.rows)
    learned = (*drawn.labelled.texts, *drawn.unlabelled, *drawn.every_text)
    assert not hidden_texts & {bare(text) for text in learned}


def test_nothing_that_settings_are_chosen_on_is_a_test_review_or_of_a_test_film(
    split: Split, rows: dict[str, list[int]]
):
    choosing = for_settings(split)
    used = {*choosing.train.rows, *choosing.test.rows}
    assert used == set(rows["train"])
    assert not used & {*rows["test"], *rows["shared_films"]}
    assert not set(choosing.train.rows) & set(choosing.test.rows)
    assert Counter(choosing.test.labels).keys() == set(CLASSES)
    assert len(choosing.test) == pytest.approx(18_470 / 5, abs=2)


def test_the_split_is_the_one_of_the_package_with_the_packages_labels(
    split: Split, rows: dict[str, list[int]]
):
    every = reviews()
    for part, name in ((split.train, "train"), (split.test, "test")):
        assert sorted(part.rows) == sorted(rows[name])
        for place in range(0, len(part), 97):
            review = every[part.rows[place]]
            assert (part.texts[place], part.labels[place]) == (review.text, CLASSES[review.label])


@pytest.mark.parametrize(("labels", "number"), DRAWS)
def test_a_draw_has_so_many_labels_and_all_other_texts_without(
    split: Split, labels: int, number: int
):
    drawn = draw(split, labels, number)
    assert len(drawn.labelled) == len(set(drawn.labelled.rows)) == labels
    assert drawn.every_text == split.train.texts
    parts = Counter(drawn.labelled.texts) + Counter(drawn.unlabelled)
    assert parts == Counter(drawn.every_text)
    known = dict(zip(split.train.rows, split.train.labels, strict=True))
    assert all(
        known[r] == y for r, y in zip(drawn.labelled.rows, drawn.labelled.labels, strict=True)
    )


def test_a_draw_is_the_same_each_time_and_other_draws_are_others(split: Split):
    def digests(numbers: range) -> list[str]:
        return [draw(split, 100, number).digest for number in numbers]

    assert digests(range(5)) == digests(range(5))
    assert len(set(digests(range(5)))) == 5
    first, second = (set(draw(split, 1_000, number).labelled.rows) for number in range(2))
    assert 0 < len(first & second) < 150  # 54 expected of two independent draws


def test_classes_are_left_to_chance():
    part = Part(tuple(range(400)), tuple(map(str, range(400))), ("neg",) * 200 + ("pos",) * 200)
    split = Split(part, part)
    counts = [Counter(draw(split, 50, number).labelled.labels)["pos"] for number in range(20)]
    assert 22 < sum(counts) / 20 < 28
    assert len(set(counts)) > 3


def test_classes_are_mixed_in_the_order_of_a_draw(split: Split):
    labels = draw(split, len(split.train), 0).labelled.labels
    changes = sum(a != b for a, b in pairwise(labels))
    assert changes == pytest.approx(len(labels) / 2, rel=0.05)


@pytest.mark.parametrize("labels", [0, -1, 5])
def test_more_labels_than_there_are_cannot_be_drawn(labels: int):
    part = Part((0, 1), ("a", "b"), CLASSES)
    with pytest.raises(ValueError, match=f"{labels} labels of 2"):
        draw(Split(part, part), labels, 0)


def test_a_draw_names_nothing_but_what_may_be_learned_from():
    assert set(Draw.__dataclass_fields__) == {"number", "labelled", "unlabelled", "every_text"}
