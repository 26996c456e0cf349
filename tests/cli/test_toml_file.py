"""What is written as TOML is read back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.cli.toml_file import read_toml, toml_text, tomllib
from steadfit.core.errors import DataError

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=0, max_size=8)
PLAIN = (
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


@given(st.dictionaries(NAMES, PLAIN | st.lists(PLAIN) | st.dictionaries(NAMES, PLAIN)))
def test_values_come_back(values: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(values)) == values


def test_what_no_toml_file_can_hold_is_refused() -> None:
    for values in ({"table": "r\udce9views.csv"}, {"sizes": {"\udce9": 1}}):
        with pytest.raises(DataError, match=r"\\udce9.* is not UTF-8.*rename"):
            toml_text(values)


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = 1\nb = \n")
    with pytest.raises(DataError, match=r"a\.toml is not a TOML file: .*line 2"):
        read_toml(tmp_path / "a.toml")
    with pytest.raises(DataError, match="cannot be read"):
        read_toml(tmp_path / "nothing.toml")
