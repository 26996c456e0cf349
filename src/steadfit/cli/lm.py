"""`steadfit lm`: a language model of texts without labels."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from steadfit.cli.places import checkpoints_beside, going_on, refuse_existing
from steadfit.cli.sizes import named_or_none, sizes_of
from steadfit.core.console import say
from steadfit.recipe.base import base_for
from steadfit.recipe.language_model import train_language_model
from steadfit.recipe.settings import LanguageModelSettings
from steadfit.text.corpus import Corpus
from steadfit.text.fields import join_fields, text_columns
from steadfit.text.readers import read_corpus
from steadfit.text.table_rows import FOLDER, LINES, TEXT, check_keys, rows, suffixes
from steadfit.text.values import text_value


def run_lm(
    places: Sequence[Path],
    out: Path,
    how: LanguageModelSettings,
    *,
    text: str = TEXT,
    base: str = "auto",
    backwards: bool = False,
    sizes: str = "",
    seed: int = 0,
    encoding: str = "utf-8",
    checkpoints: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model folder, and print its perplexity on texts held out.

    Raises:
        SteadfitError: texts that cannot be read or are too few; `out` exists.
    """
    refuse_existing(out, overwrite)
    widths = sizes_of(sizes)
    found = [unlabelled(place, (text,), encoding) for place in places]
    texts = Corpus(found[0] if len(found) == 1 else [one for part in found for one in part])
    say(f"{len(texts):,} texts")
    start = base_for(texts.texts, named_or_none(base))
    folder = checkpoints or checkpoints_beside(out)
    with going_on(folder):
        figures = train_language_model(
            texts,
            how,
            out,
            base=start,
            sizes=widths or None,
            backwards=backwards,
            seed=seed,
            checkpoints=folder,
        )
    if checkpoints is None:
        shutil.rmtree(folder, ignore_errors=True)
    say(
        f"{out}: perplexity {figures['perplexity']:,} on texts held out, after "
        f"{figures['tokens']:,} tokens of {figures['texts']:,} texts in {figures['seconds']:,} s"
    )


def unlabelled(place: Path, columns: Sequence[str], encoding: str = "utf-8") -> Sequence[str]:
    """Return the texts of a table, a .txt file or a folder; large files are read when asked for.

    Raises:
        DataError: they cannot be read, or a row has none.
    """
    names = text_columns(columns)
    if len(names) == 1 and not suffixes(place)[1]:
        return read_corpus(place, names[0], encoding=encoding).texts
    table = rows(place, encoding=encoding)
    if table.format in (LINES, FOLDER):
        names = (TEXT,)
    table.require(names)
    texts = []
    for record in table:
        check_keys(table, record, names)
        texts.append(join_fields([text_value(record[name], table.where) for name in names]))
    return texts
