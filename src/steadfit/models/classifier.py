"""A document classifier: encoder, pooling over all tokens, head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch import Generator, Tensor, nn

from steadfit.core.errors import DataError
from steadfit.kernels.choose import uses_native
from steadfit.models.config import AWDLSTMConfig
from steadfit.models.dropout import dropout
from steadfit.models.initial import drawn
from steadfit.models.outputs import DocumentWindow, EncoderOutput, State, detach_state
from steadfit.models.pooling import DocumentPool
from steadfit.models.recurrent import AWDLSTM
from steadfit.models.shared_weight import shared_weight

Observer = Callable[[DocumentWindow], None]
Reader = Callable[[Tensor, State | None], EncoderOutput]

HEAD_UNITS = 50
HEAD_DROPOUT = 0.1
FEWEST_ROWS = 4  # of PyTorch in bfloat16, measured on the CPU
READING_WINDOW = 512  # at most; without gradients a window's length changes memory, not values
SHORTEST_WINDOW = 32


class TextClassifier(nn.Module):
    """Reads whole documents, window by window, and scores the classes (Howard & Ruder, 2018).

    Args:
        config: of the encoder; `output_p` is the head's first dropout.
        n_classes: number of classes, at least two.
        bptt: gradients flow through at most so many steps of the recurrence, as in fastai.
        grad_tokens: windows that begin before a document's last so many tokens are pooled without
            gradient, so that training memory does not grow with the document. The last window
            always has a gradient.
        head_bias: False leaves the biases of the head's linear layers out, as fastai 2 does;
            fastai 1 has them.
        generator: draws the first weights; None is PyTorch's own.
        multi_label: a document may have several of the classes, or none: each has a probability of
            its own.

    Raises:
        DataError: fewer than two classes, `bptt` or `grad_tokens` below one.
    """

    def __init__(
        self,
        config: AWDLSTMConfig,
        n_classes: int,
        bptt: int = 70,
        grad_tokens: int = 1400,
        head_bias: bool = True,
        generator: Generator | None = None,
        multi_label: bool = False,
    ) -> None:
        super().__init__()
        if n_classes < 2 or bptt < 1 or grad_tokens < 1:
            raise DataError(
                f"{n_classes} classes, bptt {bptt}, grad_tokens {grad_tokens} were given: a "
                "classifier needs two classes or more, the others are one or more."
            )
        self.config = config
        self.n_classes = n_classes
        self.bptt = bptt
        self.grad_tokens = grad_tokens
        self.head_bias = head_bias
        self.multi_label = multi_label
        self.encoder = AWDLSTM(config, generator)
        self.head = Head(
            nn.BatchNorm1d(3 * config.emb_sz),
            nn.Dropout(config.output_p),
            drawn(nn.Linear, 3 * config.emb_sz, HEAD_UNITS, bias=head_bias, generator=generator),
            nn.ReLU(),
            nn.BatchNorm1d(HEAD_UNITS),
            nn.Dropout(HEAD_DROPOUT),
            drawn(nn.Linear, HEAD_UNITS, n_classes, bias=head_bias, generator=generator),
        )

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor,
        observe: Observer | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        """Return logits `(batch, classes)`.

        A document's logits do not depend on the others in the batch, their order or padding.

        Args:
            tokens: `(batch, time)`, padding behind.
            lengths: `(batch,)`, at least one each.
            observe: called with each window on the way: how penalties and norm curves see the
                states. Rows come longest document first, finished documents leave.
            generator: draws the dropout masks in training; None is PyTorch's own.

        Raises:
            DataError: a document without a token, or longer than the batch; or gradients are on
                and the encoder is one that cannot learn (see `steadfit.models.int8.in_int8`).
        """
        pool, ordered, order = self._pooled(tokens, lengths, observe, generator)
        dtype = self.encoder.initial_state(0)[-1][0].dtype
        return self._scores(pool, ordered, dtype, generator)[order.argsort()]

    def vectors(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return what the head reads of each document, `(batch, 3 * units)`.

        It is the last, largest and mean output (see `ConcatPool`); arguments as `forward`.
        """
        pool, ordered, order = self._pooled(tokens, lengths, None, None)
        return pool.result(ordered)[order.argsort()]

    def _pooled(
        self, tokens: Tensor, lengths: Tensor, observe: Observer | None, generator: Generator | None
    ) -> tuple[DocumentPool, Tensor, Tensor]:
        """Return the pool of a batch, its lengths, longest first, and which documents these are."""
        ordered, order = lengths.sort(descending=True, stable=True)
        longest, shortest = int(ordered[0]), int(ordered[-1])
        if shortest < 1 or longest > tokens.shape[1]:
            raise DataError(
                f"Documents have {shortest} to {longest} tokens in a batch of {tokens.shape[1]} "
                "steps; accepted are 1 to as many tokens as there are steps."
            )
        like = self.encoder.initial_state(0)[-1][0]
        pool = DocumentPool(len(ordered), self.encoder.units, like)
        read = partial(self.encoder, generator=generator)
        if torch.is_grad_enabled():
            read = partial(read, words=shared_weight(self._embedding().weight))
        for window in self._windows(tokens, order, ordered, read):
            pool.add(window)
            if observe is not None:
                observe(window)
        return pool, ordered, order

    @torch.no_grad()
    def score_windows(self, windows: Iterable[Tensor]) -> Tensor:
        """Return logits `(1, classes)` of one document that comes in windows, in evaluation.

        They are those of `forward` on the whole document; memory does not grow with it.

        Args:
            windows: word numbers `(time,)`, in the order of the text, at least one step each.

        Raises:
            DataError: there are no windows.
        """
        like = self.encoder.initial_state(0)[-1][0]
        pool = DocumentPool(1, self.encoder.units, like)
        state: State | None = None
        length = 0
        for window in windows:
            hidden, state = self._read(window.unsqueeze(0), state, 0, self.encoder)
            steps = torch.full((1,), len(window), device=window.device)
            pool.add(DocumentWindow(hidden, steps, None))
            length += len(window)
        if not length:
            raise DataError("A document came without a window; it has one token or more.")
        lengths = torch.full((1,), length, device=like.device)
        return self._scores(pool, lengths, like.dtype, None)

    def _scores(
        self, pool: DocumentPool, lengths: Tensor, dtype: torch.dtype, generator: Generator | None
    ) -> Tensor:
        """Return the head's logits of pooled documents."""
        pooled = pool.result(lengths)
        # The head is small: float32 costs nothing, and company changes a row's last digits at most.
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self.head(pooled.to(dtype), generator)
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what the logits `(documents, classes)` say, as probabilities of each class."""
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=1)

    def layer_groups(self) -> list[list[nn.Module]]:
        """Return what freezing and learning rates go by: embedding, each LSTM, head."""
        return [[self._embedding()], *([rnn] for rnn in self.encoder.rnns), [self.head]]

    def _embedding(self) -> nn.Embedding:
        """Return the embedding of an encoder that can learn."""
        if not hasattr(self.encoder, "embedding"):
            raise DataError(
                f"The encoder is an {type(self.encoder).__name__}, which reads and cannot learn. "
                "Call the classifier inside torch.no_grad(); to train it, take the one that it was "
                "made from."
            )
        return self.encoder.embedding

    def _windows(
        self, tokens: Tensor, order: Tensor, lengths: Tensor, read: Reader
    ) -> Iterator[DocumentWindow]:
        """Yield the windows of the documents `tokens[order]`, whose lengths fall."""
        training = torch.is_grad_enabled()
        recent = max(self.grad_tokens, self.bptt)
        longest = int(lengths[0])
        state: State | None = None
        previous: Tensor | None = None
        end = 0
        while end < longest:
            start = end
            left = lengths - start
            rows = int((left > 0).sum())
            step = self.bptt if training else _reading_window(left[:rows])
            end = min(start + step, longest)
            window = tokens[order[:rows], start:end]
            if state is not None and previous is not None:
                state = _rows(state, slice(rows))
                previous = previous[:rows]
            old = int((left > recent).sum()) if training else 0
            hidden, state = self._read(window, state, old, read)
            real = left[:rows].clamp(max=window.shape[1])
            yield DocumentWindow(hidden, real, previous, old)
            state = detach_state(state)
            previous = hidden[:, -1].detach()  # only rows whose window was full go on

    def _read(
        self, tokens: Tensor, state: State | None, old: int, read: Reader
    ) -> tuple[Tensor, State]:
        """Run the encoder on one window, on the first `old` documents without gradient."""
        if old == 0:
            rows, missing = len(tokens), _missing_rows(tokens, self.encoder.parameters())
            if missing and state is not None:
                state = tuple((_filled(h, missing), _filled(c, missing)) for h, c in state)
            hidden, after = read(_filled(tokens, missing), state)
            return hidden[:rows], _rows(after, slice(rows))
        before = self.encoder.initial_state(len(tokens)) if state is None else state
        with torch.no_grad():
            past, past_state = read(tokens[:old], _rows(before, slice(old)))
        if old == len(tokens):
            return past, past_state
        recent, recent_state = read(tokens[old:], _rows(before, slice(old, None)))
        merged = tuple(
            (torch.cat([h0, h1]), torch.cat([c0, c1]))
            for (h0, c0), (h1, c1) in zip(past_state, recent_state, strict=True)
        )
        return torch.cat([past, recent]), merged


class Head(nn.Sequential):
    """Layers in a row, as `nn.Sequential`; masks of `nn.Dropout` come from the call's generator."""

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Return what the layers make of `x`, `(batch, features)`."""
        for layer in self:
            if isinstance(layer, nn.Dropout):
                x = dropout(x, layer.p, layer.training, generator)
            else:
                x = layer(x)
        return x


def _reading_window(left: Tensor) -> int:
    """Return how far to read documents with so many tokens left, the longest first.

    To where a quarter of them have ended, so that little padding is read behind them.
    """
    quarter = int(left[len(left) * 3 // 4])
    return min(max(quarter, SHORTEST_WINDOW), READING_WINDOW)


def _missing_rows(tokens: Tensor, weights: Iterable[Tensor]) -> int:
    """Return how many rows to add so that a document is computed alone as it is in a batch.

    PyTorch's products in short floats take another kernel for a few rows than for many; with
    native kernels, with float32, and in training, where every batch differs anyhow, nothing is
    added.
    """
    short = torch.is_autocast_enabled(tokens.device.type) and not torch.is_grad_enabled()
    if not short or uses_native(tokens, *weights):
        return 0
    return max(0, FEWEST_ROWS - len(tokens))


def _filled(rows: Tensor, missing: int) -> Tensor:
    return torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])]) if missing else rows


def _rows(state: State, rows: slice) -> State:
    return tuple((h[rows], c[rows]) for h, c in state)
