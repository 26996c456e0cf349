"""Options in a file are of the types that the command's words and the estimator take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steadfit.cli.option_types import checked
from steadfit.cli.train_options import parameter_names, resolved
from steadfit.core.errors import DataError
from steadfit.estimator.text_classifier import TextClassifier
from tests.cli.conftest import TINY


@pytest.fixture
def options(tmp_path: Path) -> Any:
    """Return the options of a file with such lines."""

    def read(*lines: str) -> dict[str, Any]:
        file = tmp_path / "options.toml"
        file.write_text("\n".join(lines))
        return resolved({}, file)

    return read


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("text = 5", "text is 5; accepted is a list of strings, or a string"),
        ("text = [1]", r"text is \[1\]; accepted is a list of strings"),
        ("unlabeled = true", "unlabeled is True; accepted is a list of strings, or a string"),
        ('drop_unlabeled = "no"', "drop_unlabeled is 'no'; accepted is true or false"),
        ("quotes = 1", "quotes is 1; accepted is true or false"),
        ('backwards = ["no"]', r"backwards is \['no'\]; accepted is a string or true or false"),
        ('epochs = "3"', "epochs is '3'; accepted is a whole number"),
        ("epochs = 1.5", r"epochs is 1\.5; accepted is a whole number"),
        ("epochs = true", "epochs is True; accepted is a whole number"),
        ("drop_mult = false", "drop_mult is False; accepted is a number"),
        ("label = 3", "label is 3; accepted is a string"),
        ('table = ["a.csv"]', r"table is \['a.csv'\]; accepted is a string"),
        ("lr = []", r"lr is \[\]; accepted is a string or a number"),
        ("sizes = 3", "sizes is 3; accepted is a string or a table of numbers"),
        ('class_weight = {pos = "x"}', "class_weight is .* a string or a table of numbers"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_file(
    options: Any, line: str, message: str
) -> None:
    with pytest.raises(DataError, match=rf"options\.toml: {message}"):
        options(line)


def test_a_string_where_a_list_is_wanted_is_a_list_of_one(options: Any) -> None:
    found = options('unlabeled = "more.txt"', 'text = "review"')
    assert (found["unlabeled"], found["text"]) == (["more.txt"], ["review"])


def test_what_is_of_its_type_is_as_it_was(options: Any) -> None:
    found = options(
        "lr = 0.01", 'lm_lr = "find"', "backwards = true", "abstain_below = 0", "early_stopping = 2"
    )
    wanted = {"lr": 0.01, "lm_lr": "find", "backwards": True, "abstain_below": 0}
    assert (wanted | {"early_stopping": 2}).items() <= found.items()


def test_every_parameter_of_the_estimator_may_have_its_default_in_a_file() -> None:
    defaults = TextClassifier().get_params()
    given = {name: defaults[name] for name in parameter_names() if defaults[name] is not None}
    assert checked(given, None) == given
    assert len(given) > 10
    assert resolved({}, None).keys() >= {"text", "quotes"}
    assert "sizes" in TINY
