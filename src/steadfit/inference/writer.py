"""What a language model says: more words, and how likely given texts are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.files.model_folder import load_model
from steadfit.models.language_model import LanguageModel
from steadfit.models.outputs import State
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import PAD, UNK

READING_WINDOW = 512


class Writer:
    """Continues texts and scores them; safe to share between threads.

    Args:
        model: in evaluation mode; it is not changed.
        tokenizer: of the vocabulary the model was trained with.
        backwards: whether the model reads texts from their end; it then writes what comes before.
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, backwards: bool = False) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.backwards = backwards

    @classmethod
    def load(cls, folder: str | Path) -> Writer:
        """Read a language model's folder; errors as `load_model`."""
        saved = load_model(folder, kind="language-model")
        assert isinstance(saved.model, LanguageModel)
        return cls(saved.model, saved.tokenizer, saved.backwards)

    @torch.inference_mode()
    def predict(
        self, text: str, n_words: int = 1, temperature: float = 1.0, seed: int | None = None
    ) -> str:
        """Return `text` with `n_words` more tokens, drawn one at a time from the carried state.

        Args:
            text: what to go on from; it is read once.
            n_words: tokens to draw, markers such as xxmaj included.
            temperature: below one the likelier words are preferred; zero takes the likeliest.
            seed: makes the draw repeatable; None draws a new one.

        Raises:
            DataError: a negative temperature or number of words.
        """
        if n_words < 0 or temperature < 0:
            raise DataError(
                f"n_words is {n_words} and temperature {temperature}; both are zero or more."
            )
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        ids = self._ids(text)
        dropped, state = self._read(ids, None)
        written: list[int] = []
        for _ in range(n_words):
            token = _draw(self.model.logits(dropped[0, -1]).float().cpu(), temperature, generator)
            written.append(token)
            dropped, state = self._read([token], state)
        if self.backwards:
            return " ".join([self.tokenizer.decode(written[::-1]), text]).strip()
        return " ".join([text, self.tokenizer.decode(written)]).strip()

    @torch.inference_mode()
    def perplexities(self, texts: Iterable[str]) -> Tensor:
        """Return the perplexity of each text, `(texts,)`: e to the mean loss over its tokens.

        Each text is read from its start marker on, on its own; the marker itself is given, not
        predicted. A text without a word has no perplexity: NaN.
        """
        return torch.tensor([self._mean_loss(self._ids(text)) for text in texts]).exp()

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
    weights = (logits / temperature).softmax(dim=0)
    return int(torch.multinomial(weights, 1, generator=generator))
