"""`steadfit import-fastai`: a model of fastai becomes a model folder."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.console import say
from steadfit.files.fastai_import import import_fastai


def run_import(weights: Path, vocab: Path, out: Path, backwards: bool, overwrite: bool) -> None:
    """Write the model folder and print what it holds; see `import_fastai`."""
    saved = import_fastai(weights, vocab, out, backwards, overwrite)
    sizes = saved.model.config
    direction = "backwards" if saved.backwards else "forwards"
    say(
        f"{out}: {saved.kind}, reads {direction}, {sizes.vocab_size:,} tokens, "
        f"embedding {sizes.emb_sz}, {sizes.n_layers} layers, {sizes.n_hid} units"
    )
