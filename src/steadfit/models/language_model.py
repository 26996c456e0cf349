"""A language model: the encoder and a decoder tied to its embedding."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from steadfit.kernels.linear_cross_entropy import TokenScores, linear_cross_entropy, token_scores
from steadfit.models.config import AWDLSTMConfig
from steadfit.models.dropout import locked_dropout
from steadfit.models.initial import drawn
from steadfit.models.outputs import LanguageModelOutput, State
from steadfit.models.recurrent import AWDLSTM


class LanguageModel(nn.Module):
    """Predicts the next word at every step (Merity et al., 2017).

    `forward` stops before the decoder: in training the logits over the whole vocabulary are
    never made (see `steadfit.kernels.linear_cross_entropy`); `logits` makes them on demand.

    Args:
        config: sizes and dropouts.
        generator: draws the first weights; None is PyTorch's own.
    """

    def __init__(self, config: AWDLSTMConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = AWDLSTM(config, generator)
        self.decoder = drawn(
            nn.Linear,
            config.emb_sz,
            config.vocab_size,
            bias=config.out_bias,
            generator=generator,
        )
        with torch.no_grad():
            self.decoder.weight.uniform_(-0.1, 0.1, generator=generator)
            if config.out_bias:
                self.decoder.bias.zero_()
        if config.tie_weights:
            self.decoder.weight = self.encoder.embedding.weight

    def forward(
        self, tokens: Tensor, state: State | None = None, generator: Generator | None = None
    ) -> LanguageModelOutput:
        """Read one window `(batch, time)` from `state`; zeros if None.

        In training, `generator` draws the dropout masks; None is PyTorch's own.
        """
        hidden, after = self.encoder(tokens, state, generator)
        dropped = locked_dropout(hidden, self.config.output_p, self.training, generator)
        return LanguageModelOutput(hidden, dropped, after)

    def logits(self, dropped: Tensor) -> Tensor:
        """Return the scores of all words, `(..., words)`, for outputs `(..., units)`."""
        scores: Tensor = self.decoder(dropped)
        return scores

    def loss(self, dropped: Tensor, targets: Tensor) -> Tensor:
        """Return the summed cross-entropy, in nats, of outputs `(batch, time, units)`."""
        return linear_cross_entropy(
            dropped.flatten(0, 1), self.decoder.weight, self.decoder.bias, targets.flatten()
        )

    def scores(self, dropped: Tensor, targets: Tensor) -> TokenScores:
        """Return loss and hit of each token `(batch * time,)`, without gradients."""
        return token_scores(
            dropped.flatten(0, 1), self.decoder.weight, self.decoder.bias, targets.flatten()
        )

    def layer_groups(self) -> list[list[nn.Module]]:
        """Return what freezing and learning rates go by: each LSTM, then embedding + decoder."""
        return [*([rnn] for rnn in self.encoder.rnns), [self.encoder.embedding, self.decoder]]
