"""`steadfit lm`: a language model of texts without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from steadfit.cli.checkpoints import (
    checkpoints_beside,
    going_on,
    refuse_foreign,
    remove_checkpoints,
)
from steadfit.cli.layout import AS_NAMED, Layout
from steadfit.cli.places import refuse_existing, refuse_other_than
from steadfit.cli.room import require_room_for_language_model
from steadfit.cli.sizes import named_or_none, sizes_of
from steadfit.cli.unlabelled_texts import unlabelled
from steadfit.cli.what_was_read import what_was_read
from steadfit.core.console import say
from steadfit.files.model_config import FORMAT
from steadfit.files.transfer import read_pretrained
from steadfit.recipe.base import AUTO, base_for, check_sizes
from steadfit.recipe.language_model import PIECES, train_language_model
from steadfit.recipe.settings import LanguageModelSettings
from steadfit.text.corpus import Corpus
from steadfit.text.joined_texts import joined
from steadfit.text.table_rows import TEXT
from steadfit.text.tokenizer import SUBWORDS, tokenizer_kind


def run_lm(
    places: Sequence[Path],
    out: Path,
    how: LanguageModelSettings,
    *,
    text: str = TEXT,
    base: str = "auto",
    backwards: bool = False,
    sizes: str = "",
    tokenizer: str | None = None,
    pieces: int | None = None,
    seed: int = 0,
    layout: Layout = AS_NAMED,
    checkpoints: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model folder, and print its perplexity on texts held out.

    Raises:
        SteadfitError: texts that cannot be read or are too few; `out` exists.
    """
    refuse_existing(out, overwrite)
    refuse_other_than("model folder", out, "config.json", FORMAT)
    folder = checkpoints or checkpoints_beside(out)
    refuse_foreign(folder)
    widths = sizes_of(sizes)
    tokenizer_kind(tokenizer)
    texts = Corpus(joined(*(unlabelled(place, (text,), layout) for place in places)))
    say(f"{len(texts):,} texts")
    wanted = named_or_none(base)
    if tokenizer == SUBWORDS and wanted == AUTO:  # what there is was trained on words
        wanted = None
    start = base_for(texts.texts, wanted)
    check_sizes(start, widths, wanted, backwards)
    vocab = None if start is None else read_pretrained(start, backwards).saved.tokenizer.vocab
    kind = tokenizer_kind(tokenizer, vocab)
    require_room_for_language_model(texts.texts, start, widths, how.max_vocab, out, folder)
    options = {**asdict(how), "texts": [str(place) for place in places], "text": text}
    options |= {"pretrained": str(start), "backwards": backwards, "sizes": widths, "seed": seed}
    options |= {"tokenizer": kind, "pieces": pieces}
    read = what_was_read(places, texts.texts)
    with going_on(folder, options, {read["from"]: read["fingerprint"]}):
        figures = train_language_model(
            texts,
            how,
            out,
            base=start,
            sizes=widths or None,
            backwards=backwards,
            seed=seed,
            checkpoints=folder,
            tokenizer=kind,
            pieces=PIECES if pieces is None else pieces,
            cache=folder / "tokens",  # which goes with the checkpoints
            # Which texts it has read belongs to a model that classifiers are made of and judged.
            details={"data": read},
        )
    if checkpoints is None:
        remove_checkpoints(folder)
    say(
        f"{out}: perplexity {figures['perplexity']:,} on texts held out, after "
        f"{figures['tokens']:,} tokens of {figures['texts']:,} texts in {figures['seconds']:,} s"
    )
