"""What a language model says: more words, and how likely given texts are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from steadfit.core.checks import LARGEST_SEED, number, several_texts, whole_number
from steadfit.files.model_folder import load_model
from steadfit.inference.modes import require_evaluation_mode
from steadfit.inference.readable import join_words, undo_markers
from steadfit.models.classifier import READING_WINDOW
from steadfit.models.language_model import LanguageModel
from steadfit.models.outputs import State
from steadfit.text.subwords import SubwordTokenizer
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import PAD, UNK


class Writer:
    """Continues texts and scores them; safe to share between threads.

    Args:
        model: in evaluation mode; it is not changed.
        tokenizer: of the vocabulary the model was trained with.
        backwards: whether the model reads texts from their end; it then writes what comes before.

    Raises:
        DataError: the model is in training mode, when a writer is made or, later, when it is asked.
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, backwards: bool = False) -> None:
        require_evaluation_mode(model)
        self.model = model
        self.tokenizer = tokenizer
        self.backwards = backwards

    @classmethod
    def load(cls, folder: str | Path) -> Writer:
        """Read a language model's folder; errors as `load_model`."""
        saved = load_model(folder, kind="language-model")
        assert isinstance(saved.model, LanguageModel)
        return cls(saved.model, saved.tokenizer, saved.backwards)

    def predict(
        self, text: str, n_words: int = 1, temperature: float = 1.0, seed: int | None = None
    ) -> str:
        """Return `text` with `n_words` more tokens, drawn one at a time from the carried state.

        Args:
            text: what to go on from; it is read once.
            n_words: tokens to draw, markers such as xxmaj included; they are shown as what they
                stand for.
            temperature: below one the likelier words are preferred; zero takes the likeliest.
            seed: makes the draw repeatable; None draws a new one.

        Raises:
            DataError: a text that is no string, a negative temperature or number of words.
        """
        require_evaluation_mode(self.model)
        whole_number("n_words", n_words)
        number("temperature", temperature)
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(whole_number("seed", seed, 0, LARGEST_SEED))
        written = self._write(self._ids(text), n_words, temperature, generator)
        if isinstance(self.tokenizer, SubwordTokenizer):
            if self.backwards:
                return f"{self.tokenizer.decode(written[::-1]).removeprefix(' ')} {text}"
            return text + self.tokenizer.decode(written)
        tokens = [self.tokenizer.vocab.itos[token] for token in written]
        if self.backwards:
            return join_words([*undo_markers(tokens[::-1]), text])
        return join_words([text, *undo_markers(tokens)])

    def perplexities(self, texts: Iterable[str]) -> Tensor:
        """Return the perplexity of each text, `(texts,)`: e to the mean loss over its tokens.

        Each text is read from its start marker on, on its own; the marker itself is given, not
        predicted. A text without a word has no perplexity: NaN.

        Raises:
            DataError: `texts` is one string, or an item is none.
        """
        require_evaluation_mode(self.model)
        losses = [self._mean_loss(self._ids(text)) for text in several_texts(texts)]
        return torch.tensor(losses).exp()

    @torch.inference_mode()
    def _write(
        self, ids: list[int], n_words: int, temperature: float, generator: torch.Generator
    ) -> list[int]:
        dropped, state = self._read(ids, None)
        written: list[int] = []
        for _ in range(n_words):
            if written:
                dropped, state = self._read(written[-1:], state)
            logits = self.model.logits(dropped[0, -1]).float().cpu()
            written.append(_draw(logits, temperature, generator))
        return written

    @torch.inference_mode()
    def _mean_loss(self, ids: list[int]) -> float:
        state: State | None = None
        total = 0.0
        for start in range(0, len(ids) - 1, READING_WINDOW):
            window = self._tensor(ids[start : start + READING_WINDOW + 1])
            out = self.model(window[:, :-1], state)
            state = out.state
            total += float(self.model.scores(out.dropped, window[:, 1:]).losses.sum())
        return total / (len(ids) - 1) if len(ids) > 1 else float("nan")

    def _read(self, ids: list[int], state: State | None) -> tuple[Tensor, State]:
        for start in range(0, len(ids), READING_WINDOW):
            window = self._tensor(ids[start : start + READING_WINDOW])
            _, dropped, state = self.model(window, state)
        assert state is not None
        return dropped, state

    def _ids(self, text: str) -> list[int]:
        start, *words = self.tokenizer.encode(text)
        return [start, *reversed(words)] if self.backwards else [start, *words]

    def _tensor(self, ids: list[int]) -> Tensor:
        return torch.tensor([ids], device=next(self.model.parameters()).device)


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    logits[[UNK, PAD]] = -torch.inf  # neither is a word anybody would write
    if temperature == 0:
        return int(logits.argmax())
    # The largest is taken off first: a small temperature must not make two of them infinite.
    weights = ((logits - logits.max()).double() / temperature).softmax(dim=0)
    return int(torch.multinomial(weights, 1, generator=generator))
