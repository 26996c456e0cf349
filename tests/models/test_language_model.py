from __future__ import annotations

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM


def small(drop_mult: float = 1.0, **overrides: object) -> LanguageModel:
    sizes = {"emb_sz": 6, "n_hid": 8, **overrides}
    return LanguageModel(AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 20, drop_mult, sizes))


def plain_hidden(encoder: AWDLSTM, tokens: Tensor) -> Tensor:
    """Read whole rows by the layers' own forward, without dropout."""
    x = encoder.embedding(tokens)
    for layer in encoder.rnns:
        x, _ = layer(x)
    return x


def attributes(model: nn.Module) -> dict[str, object]:
    return {
        f"{name}.{key}": id(value)
        for name, module in model.named_modules()
        for key, value in [*vars(module).items(), *module._parameters.items()]
    }


@pytest.mark.parametrize("vocab_size", [100, 1000])
def test_parameter_counts_are_those_of_fastai(vocab_size: int) -> None:
    with torch.device("meta"):
        model = LanguageModel(AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, vocab_size))
    assert sum(p.numel() for p in model.encoder.rnns.parameters()) == 20_273_280
    assert sum(p.numel() for p in model.parameters()) == 20_273_280 + 401 * vocab_size
    assert [tuple(rnn.weight_hh_l0.shape) for rnn in model.encoder.rnns] == [
        (4608, 1152),
        (4608, 1152),
        (1600, 400),
    ]


def test_hidden_outputs_are_those_of_stacked_lstm_layers() -> None:
    model, tokens = small().eval(), torch.randint(0, 20, (3, 7))
    out = model(tokens)
    torch.testing.assert_close(out.hidden, plain_hidden(model.encoder, tokens))
    assert torch.equal(out.dropped, out.hidden)


@pytest.mark.parametrize("cut", [1, 4, 6])
def test_windows_with_the_state_handed_on_read_what_one_window_reads(cut: int) -> None:
    model, tokens = small().eval(), torch.randint(0, 20, (3, 7))
    whole = model(tokens)
    first = model(tokens[:, :cut])
    second = model(tokens[:, cut:], first.state)
    torch.testing.assert_close(torch.cat([first.hidden, second.hidden], 1), whole.hidden)
    torch.testing.assert_close(second.state, whole.state)
    assert not torch.allclose(model(tokens[:, cut:]).hidden, second.hidden)


@pytest.mark.parametrize("training", [True, False])
def test_a_call_leaves_nothing_on_the_model(training: bool) -> None:
    model, tokens = small().train(training), torch.randint(0, 20, (3, 7))
    before = attributes(model)
    values = {name: value.clone() for name, value in model.state_dict().items()}
    out = model(tokens)
    model.loss(out.dropped, tokens).backward()
    assert attributes(model) == before
    assert all(torch.equal(value, values[name]) for name, value in model.state_dict().items())


def test_dropout_is_drawn_anew_at_each_call() -> None:
    model, tokens = small().train(), torch.randint(0, 20, (3, 7))
    assert not torch.equal(model(tokens).hidden, model(tokens).hidden)


def test_the_undropped_output_differs_from_the_dropped_one_by_a_locked_mask() -> None:
    out = small(output_p=0.5).train()(torch.randint(0, 20, (4, 7)))
    ratio = out.dropped / out.hidden
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert {round(value, 4) for value in ratio.unique().tolist()} == {0.0, 2.0}


def test_dropped_recurrent_weights_are_single_parameters_that_learn() -> None:
    model, tokens = small(weight_p=0.5).train(), torch.randint(0, 20, (3, 7))
    names = [name for name, _ in model.named_parameters() if "weight_hh" in name]
    assert names == [f"encoder.rnns.{i}.weight_hh_l0" for i in range(3)]
    out = model(tokens)
    model.loss(out.dropped, tokens).backward()
    for rnn in model.encoder.rnns:
        assert isinstance(rnn.weight_hh_l0, nn.Parameter)
        assert rnn.weight_hh_l0.grad is not None
        share = (rnn.weight_hh_l0.grad == 0).float().mean()
        assert 0.2 < share < 0.8  # a dropped weight has no gradient in this call


def test_a_copy_and_another_precision_compute_the_same() -> None:
    model, tokens = small().eval(), torch.randint(0, 20, (3, 7))
    model.train()(tokens)  # a call with dropout first: it must not get in the way
    model.eval()
    copy = deepcopy(model)
    other = small().eval()
    other.load_state_dict(model.state_dict())
    expected = model(tokens).hidden
    assert torch.equal(copy(tokens).hidden, expected)
    assert torch.equal(other(tokens).hidden, expected)
    wide = copy.double()(tokens)
    assert wide.hidden.dtype == torch.float64
    torch.testing.assert_close(wide.hidden.float(), expected)
    assert copy.decoder.weight is copy.encoder.embedding.weight


def test_the_decoder_is_tied_to_the_embedding_unless_told() -> None:
    model = small()
    assert model.decoder.weight is model.encoder.embedding.weight
    free = small(tie_weights=False, out_bias=False)
    assert free.decoder.weight is not free.encoder.embedding.weight
    assert free.decoder.bias is None


@pytest.mark.parametrize("out_bias", [True, False])
def test_loss_and_scores_are_those_of_the_logits(out_bias: bool) -> None:
    model = small(out_bias=out_bias).eval()
    tokens, targets = torch.randint(0, 20, (2, 3, 7))
    dropped = model(tokens).dropped
    logits = model.logits(dropped).flatten(0, 1)
    expected = F.cross_entropy(logits, targets.flatten(), reduction="none")
    torch.testing.assert_close(model.loss(dropped, targets), expected.sum())
    scores = model.scores(dropped, targets)
    torch.testing.assert_close(scores.losses, expected.detach())
    assert torch.equal(scores.hits, logits.argmax(1) == targets.flatten())


def test_padding_starts_at_zero_and_words_within_a_tenth() -> None:
    weight = small().encoder.embedding.weight
    assert weight[1].count_nonzero() == 0
    assert 0.09 < weight.abs().max() <= 0.1


def test_groups_hold_every_parameter_once_each_lstm_first_words_last() -> None:
    model = small()
    groups = [
        {id(p) for module in group for p in module.parameters()} for group in model.layer_groups()
    ]
    # Freezing to the last group leaves 2 tensors to train, to the last but one 6: as in fastai.
    assert [len(group) for group in groups] == [4, 4, 4, 2]
    assert set.union(*groups) == {id(p) for p in model.parameters()}
    assert sum(map(len, groups)) == len(list(model.parameters()))
