"""The recurrent encoder: an embedding and a stack of single-layer LSTMs."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from steadfit.kernels.lstm import lstm
from steadfit.kernels.weights import LSTMWeights
from steadfit.models.config import AWDLSTMConfig
from steadfit.models.dropout import embedding_dropout, locked_mask
from steadfit.models.initial import drawn
from steadfit.models.outputs import EncoderOutput, State


class AWDLSTM(nn.Module):
    """Tokens and a state → hidden outputs and the next state (Merity et al., 2017).

    State is an argument and a result; nothing is remembered between calls. The layers are
    ordinary `nn.LSTM` modules that hold the weights; hidden-to-hidden weights are dropped
    functionally, one Parameter each, never deleted or set again.

    Args:
        config: sizes and dropouts.
        generator: draws the first weights; None is PyTorch's own.
    """

    def __init__(self, config: AWDLSTMConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.embedding = drawn(
            nn.Embedding,
            config.vocab_size,
            config.emb_sz,
            padding_idx=config.pad_token,
            generator=generator,
        )
        self.rnns = nn.ModuleList(
            drawn(nn.LSTM, n_in, n_out, batch_first=True, generator=generator)
            for n_in, n_out in config.layer_sizes
        )
        with torch.no_grad():
            self.embedding.weight.uniform_(-0.1, 0.1, generator=generator)
            self.embedding.weight[config.pad_token].zero_()

    @property
    def units(self) -> int:
        """Size of a hidden output."""
        return self.config.emb_sz

    def initial_state(self, batch: int) -> State:
        """Return zeros for `batch` rows: what a document or stream starts from."""
        weight = self.embedding.weight
        zeros = [weight.new_zeros(batch, n_out) for _, n_out in self.config.layer_sizes]
        return tuple((z, z) for z in zeros)

    def forward(
        self,
        tokens: Tensor,
        state: State | None = None,
        generator: Generator | None = None,
        words: Tensor | None = None,
    ) -> EncoderOutput:
        """Read one window of tokens.

        Args:
            tokens: `(batch, time)` word numbers, at least one step. Padding may stand behind
                the real tokens: what comes before it does not depend on it.
            state: from the window before; zeros if None.
            generator: draws the dropout masks in training; None is PyTorch's own.
            words: the embedding as `shared_weight` returned it, where several calls share it.
        """
        config, training = self.config, self.training
        x = embedding_dropout(
            self.embedding.weight if words is None else words,
            tokens,
            config.embed_p,
            training,
            config.pad_token,
            generator,
        )
        before = self.initial_state(tokens.shape[0]) if state is None else state
        after = []
        for i, layer in enumerate(self.rnns):
            input_p = config.hidden_p if i > 0 else config.input_p
            x, layer_state = lstm(
                x,
                before[i],
                layer_weights(layer),
                locked_mask(x, input_p, training, generator),
                config.weight_p if training else 0.0,
                generator,
            )
            after.append(layer_state)
        return EncoderOutput(x, tuple(after))


def layer_weights(layer: nn.Module) -> LSTMWeights:
    """Return the weights of an `nn.LSTM` of one layer."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return LSTMWeights(*map(layer.get_parameter, names))
