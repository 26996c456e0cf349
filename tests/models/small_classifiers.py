"""Small classifiers, documents of any lengths for them, and these read in one go."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from steadfit.models.classifier import Head, TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig

WORDS = 30
RAGGED = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def small(bptt: int = 4, grad_tokens: int = 8, drop_mult: float = 1.0) -> TextClassifier:
    torch.manual_seed(5)
    config = AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, WORDS, drop_mult, {"emb_sz": 5, "n_hid": 7, "n_layers": 2}
    )
    model = TextClassifier(config, 3, bptt, grad_tokens)
    for parameter in model.encoder.rnns.parameters():
        nn.init.uniform_(parameter, -0.7, 0.7)  # a memory that matters
    nn.init.normal_(model.encoder.embedding.weight)
    for layer in (model.head[0], model.head[4]):
        nn.init.normal_(layer.running_mean)
        nn.init.uniform_(layer.running_var, 0.5, 2)
    return model.eval()


def pooling(bptt: int, grad_tokens: int) -> TextClassifier:
    """A classifier whose head hands on what it is given."""
    model = small(bptt, grad_tokens, drop_mult=0.0).double()
    model.head = Head()
    return model


def documents(lengths: list[int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, WORDS, (length,), generator=generator) for length in lengths]


def batch(texts: list[Tensor], extra: int = 0, behind: int | None = 1) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(text) for text in texts])
    shape = (len(texts), int(lengths.max()) + extra)
    tokens = torch.randint(0, WORDS, shape) if behind is None else torch.full(shape, behind)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = text
    return tokens, lengths


def plain_states(model: TextClassifier, text: Tensor) -> Tensor:
    """Read one document in one go by the layers' own forward: (time, units)."""
    x = model.encoder.embedding(text.unsqueeze(0))
    for layer in model.encoder.rnns:
        x, _ = layer(x)
    return x.squeeze(0)


def plain_pool(states: Tensor) -> Tensor:
    return torch.cat([states[-1], states.max(dim=0).values, states.mean(dim=0)])
