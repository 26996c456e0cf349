from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.kernels import linear_cross_entropy as module
from steadfit.kernels.linear_cross_entropy import linear_cross_entropy, token_scores

TOKENS, FEATURES, WORDS = 11, 5, 9


def example(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()

    targets = torch.randint(0, WORDS, (TOKENS,), generator=generator)
    return numbers(TOKENS, FEATURES), numbers(WORDS, FEATURES), numbers(WORDS), targets


def plain(inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(inputs, weight, bias), targets, reduction="sum")


@pytest.fixture(params=[1, 2, 4, 10, 11, 1000])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rows whose logits are held at a time."""
    monkeypatch.setattr(module, "CHUNK_ROWS", 1)
    monkeypatch.setattr(module, "CHUNK_BYTES", 4 * WORDS * request.param)
    return request.param


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("scale", [1.0, -0.25])
def test_value_and_gradients_are_those_of_cross_entropy_over_all_logits(
    rows: int, with_bias: bool, scale: float
) -> None:
    *leaves, targets = example()
    bias = leaves[2] if with_bias else None
    wanted = leaves if with_bias else leaves[:2]
    got = linear_cross_entropy(leaves[0], leaves[1], bias, targets)
    expected = plain(leaves[0], leaves[1], bias, targets)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    for a, b in zip(
        torch.autograd.grad(scale * got, wanted),
        torch.autograd.grad(scale * expected, wanted),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("frozen", [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}])
def test_what_is_frozen_gets_no_gradient_and_the_rest_keeps_its_own(frozen: set[int]) -> None:
    *leaves, targets = example()
    expected = torch.autograd.grad(plain(*leaves, targets), leaves)
    for place in frozen:
        leaves[place].requires_grad_(False)
    linear_cross_entropy(*leaves, targets).backward()
    for place, leaf in enumerate(leaves):
        if place in frozen:
            assert leaf.grad is None
        else:
            torch.testing.assert_close(leaf.grad, expected[place], rtol=1e-11, atol=1e-12)


def test_without_instructions_for_bfloat16_autocast_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "multiplies_bf16", lambda: False)
    *leaves, targets = example(torch.float32)
    expected = linear_cross_entropy(*leaves, targets)
    with torch.autocast("cpu", torch.bfloat16):
        got = linear_cross_entropy(*leaves, targets)
    assert torch.equal(got, expected)
    for a, b in zip(
        torch.autograd.grad(got, leaves), torch.autograd.grad(expected, leaves), strict=True
    ):
        assert torch.equal(a, b)


@pytest.fixture(params=["as it is", "PyTorch in bfloat16"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What computes under autocast: what this processor gets, or PyTorch with instructions."""
    if request.param != "as it is":
        monkeypatch.setattr(module, "multiplies_bf16", lambda: True)
        monkeypatch.setattr(module, "uses_native", lambda *_: False)


@pytest.mark.usefixtures("by")
def test_autocast_products_stay_near_and_gradients_keep_the_dtype_of_their_weights() -> None:
    *leaves, targets = example(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        got = linear_cross_entropy(*leaves, targets)
    assert got.dtype == torch.float32
    expected = plain(*leaves, targets)
    torch.testing.assert_close(got, expected, rtol=0.02, atol=0.02)
    for a, b in zip(
        torch.autograd.grad(got, leaves), torch.autograd.grad(expected, leaves), strict=True
    ):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0.05, atol=0.05)


@pytest.mark.usefixtures("by")
def test_autocast_reads_inputs_that_are_already_short() -> None:
    inputs, weight, bias, targets = example(torch.float32)
    short = inputs.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        linear_cross_entropy(short, weight, bias, targets).backward()
    assert short.grad is not None
    assert short.grad.dtype == torch.bfloat16
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_only_the_gradient_of_the_weight_makes_chunks_of_a_large_vocabulary_larger() -> None:
    x, words = torch.empty(1_000, 1), [torch.empty(count, 1) for count in (100, 60_000, 10**6)]
    assert [len(module._chunks(x, weight)) for weight in words] == [1, 15, 250]
    assert [len(module._chunks(x, weight, module.CHUNK_ROWS)) for weight in words] == [1, 4, 63]


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_logits_give_finite_losses(size: float) -> None:
    inputs, weight, bias, targets = example()
    loss = linear_cross_entropy(inputs * size, weight, bias, targets)
    torch.testing.assert_close(loss, plain(inputs * size, weight, bias, targets))


def test_without_gradients_none_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    *leaves, targets = example()
    needed = []
    forward = module._forward

    def observed(ctx, *arguments):  # type: ignore[no-untyped-def]
        needed.append(any(ctx.needs_input_grad))
        return forward(ctx, *arguments)

    monkeypatch.setattr(module, "_forward", observed)
    with torch.no_grad():
        value = linear_cross_entropy(*leaves, targets)
    torch.testing.assert_close(value, plain(*leaves, targets).detach())
    linear_cross_entropy(*leaves, targets)
    assert needed == [False, True]


def test_second_derivatives_are_refused() -> None:
    *leaves, targets = example()
    (first,) = torch.autograd.grad(
        linear_cross_entropy(*leaves, targets).square(), leaves[:1], create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_scores_are_loss_and_hit_of_each_token(rows: int) -> None:
    inputs, weight, bias, targets = example()
    scores = token_scores(inputs, weight, bias, targets)
    logits = F.linear(inputs, weight, bias)
    torch.testing.assert_close(
        scores.losses, F.cross_entropy(logits, targets, reduction="none").detach()
    )
    assert scores.hits.tolist() == (logits.argmax(1) == targets).tolist()
    assert not scores.losses.requires_grad


def test_no_tokens_cost_nothing() -> None:
    inputs, weight, bias, targets = example()
    none = inputs[:0].detach().requires_grad_()
    loss = linear_cross_entropy(none, weight, bias, targets[:0])
    loss.backward()
    assert loss.item() == 0
    assert weight.grad is not None
    assert weight.grad.count_nonzero() == 0
    assert token_scores(none, weight, bias, targets[:0]).losses.shape == (0,)


@pytest.mark.parametrize("function", [linear_cross_entropy, token_scores])
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize(
    ("place", "shape"),
    [
        (0, (TOKENS, FEATURES + 1)),
        (0, (TOKENS + 1, FEATURES)),
        (0, (FEATURES,)),
        (2, (1,)),
        (3, (1,)),
        (3, (TOKENS, 1)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    function: Callable[..., object], bf16: bool, place: int, shape: tuple[int, ...]
) -> None:
    tensors = list(example(torch.float32))
    tensors[place] = torch.zeros(shape, dtype=tensors[place].dtype)
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
        pytest.raises(DataError, match=r"9 words are \(tokens, 5\), \(9,\) or None, and") as raised,
    ):
        function(*tensors)
    assert str(shape) in str(raised.value)
