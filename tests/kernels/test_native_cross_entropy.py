from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from steadfit.core.errors import DataError
from steadfit.kernels.linear_cross_entropy import linear_cross_entropy, token_scores
from steadfit.kernels.native_cross_entropy import native_cross_entropy, row_scores

pytestmark = pytest.mark.usefixtures("native")

ROUNDED = 2**-8  # of a number rounded to bfloat16, twice what it may be
SUMMED = 3e-5  # of a probability: its logit is a sum in float32


class Case(NamedTuple):
    """Rows, weights and targets of a softmax, in float32."""

    inputs: Tensor
    weight: Tensor
    bias: Tensor | None
    targets: Tensor

    def leaves(self) -> list[Tensor]:
        """Return all that has a gradient."""
        return [leaf for leaf in self[:3] if leaf is not None]


def case(rows: int, features: int, words: int, biased: bool = True, size: float = 2.0) -> Case:
    """Draw an example whose logits are about `size` large."""
    generator = Generator().manual_seed(rows + 10 * features + 100 * words)

    def numbers(*shape: int, scale: float = 1.0) -> Tensor:
        return (torch.randn(*shape, generator=generator) * scale).requires_grad_()

    return Case(
        numbers(rows, features),
        numbers(words, features, scale=size * features**-0.5),
        numbers(words) if biased else None,
        torch.randint(words, (rows,), generator=generator),
    )


def rounded(example_case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs and weight as the kernel sees them, and their logits, in float64."""
    x = example_case.inputs.detach().bfloat16().double()
    weight = example_case.weight.detach().bfloat16().double()
    bias = example_case.bias
    return x, weight, F.linear(x, weight, None if bias is None else bias.detach().double())


def check(example_case: Case, scale: float) -> None:
    """Compare loss and gradients with float64, number by number, with the bound of each."""
    x, weight, logits = rounded(example_case)
    targets = example_case.targets
    loss = native_cross_entropy(*example_case)
    exact = F.cross_entropy(logits, targets, reduction="sum")
    assert loss.dtype == torch.float32
    slack = SUMMED * (1 + float(logits.abs().max()))
    assert abs(loss.item() - exact.item()) <= slack * len(targets)
    hot = F.one_hot(targets, len(weight)).double()
    p = logits.softmax(1)
    d = scale * (p - hot)
    summed = abs(scale) * slack * (p + 1e-9)
    bound = ROUNDED * d.abs() + summed
    exact_gradients = [d @ weight, d.T @ x, d.sum(0)]
    # A bias gets the probabilities before they are rounded.
    bounds = [bound @ weight.abs(), bound.T @ x.abs(), summed.sum(0) + 1e-6 * d.abs().sum(0)]
    got = torch.autograd.grad(scale * loss, example_case.leaves())
    for name, ours, true, allowed in zip("xwb", got, exact_gradients, bounds, strict=False):
        assert ours.dtype == torch.float32
        over = (ours.double() - true).abs() - allowed - 1e-12
        assert float(over.max()) <= 0, (name, float(over.max()))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 130),
    features=st.integers(1, 70),
    words=st.integers(1, 600),
    biased=st.booleans(),
    scale=st.sampled_from([1.0, -0.25]),
)
@example(rows=1, features=1, words=1, biased=True, scale=1.0)
@example(rows=1, features=400, words=9, biased=True, scale=1.0)
@example(rows=48, features=32, words=256, biased=False, scale=1.0)
@example(rows=49, features=33, words=257, biased=True, scale=1.0)
@example(rows=1728, features=16, words=40, biased=True, scale=1.0)
@example(rows=1729, features=40, words=300, biased=True, scale=1.0)
@example(rows=3500, features=7, words=15, biased=False, scale=-0.25)
def test_loss_and_gradients_are_those_of_rounded_inputs_in_float64(
    rows: int, features: int, words: int, biased: bool, scale: float
) -> None:
    check(case(rows, features, words, biased), scale)


@pytest.mark.parametrize("size", [20.0, 80.0, 2000.0])
def test_large_logits_lose_no_more_than_their_own_rounding(size: float) -> None:
    check(case(50, 40, 300, size=size), 1.0)


def test_far_logits_give_the_losses_that_they_should() -> None:
    inputs = torch.eye(2)
    weight = torch.tensor([[80.0, -80.0], [-80.0, 80.0], [0.0, 0.0]])
    scores = row_scores(inputs, weight, None, torch.tensor([0, 0]))
    assert scores.norms.tolist() == [80, 80]
    assert scores.wanted.tolist() == [80, -80]
    assert native_cross_entropy(inputs, weight, None, torch.tensor([0, 0])).item() == 160


@pytest.mark.parametrize("word", [0, 15, 16, 31, 255, 256, 299])
@pytest.mark.parametrize("where", ["input", "weight", "bias"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_gives_a_loss_and_gradients_that_are_none(
    bad: float, where: str, word: int
) -> None:
    example_case = case(5, 40, 300)
    assert example_case.bias is not None
    with torch.no_grad():
        example_case.inputs[:, 4].abs_()  # an infinite weight makes a logit infinite, not minus so
        if where == "input":
            example_case.inputs[3, word % 40] = bad
        elif where == "weight":
            example_case.weight[word, 4] = bad
        else:
            example_case.bias[word] = bad
    loss = native_cross_entropy(*example_case)
    assert not loss.isfinite()
    gradients = torch.autograd.grad(loss, example_case.leaves())
    assert not any(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("frozen", [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}])
def test_what_is_frozen_gets_no_gradient_and_the_rest_keeps_its_own(frozen: set[int]) -> None:
    example_case = case(60, 40, 300)
    leaves = example_case.leaves()
    expected = torch.autograd.grad(native_cross_entropy(*example_case), leaves)
    for place in frozen:
        leaves[place].requires_grad_(False)
    native_cross_entropy(*example_case).backward()
    for place, leaf in enumerate(leaves):
        if place in frozen:
            assert leaf.grad is None
        else:
            assert leaf.grad is not None
            assert torch.equal(leaf.grad, expected[place])


def test_any_number_of_threads_gives_nearly_the_same(on_threads: Any) -> None:
    example_case = case(200, 40, 1500)
    loss = native_cross_entropy(*example_case)
    gradients = torch.autograd.grad(loss, example_case.leaves())
    for count in (2, 3, 16):
        with on_threads(count):
            other = native_cross_entropy(*example_case)
            torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
            for a, b in zip(
                torch.autograd.grad(other, example_case.leaves()), gradients, strict=True
            ):
                torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_scores_are_loss_and_hit_of_each_token() -> None:
    example_case = case(130, 40, 300)
    _, _, logits = rounded(example_case)
    right = logits.argmax(1)
    targets = torch.where(torch.arange(130) % 3 == 0, right, example_case.targets)
    with torch.autocast("cpu", torch.bfloat16):
        scores = token_scores(*example_case[:3], targets)
    expected = F.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(scores.losses.double(), expected, rtol=1e-4, atol=1e-4)
    assert scores.hits.tolist() == (right == targets).tolist()
    assert scores.hits.any()
    assert not scores.hits.all()
    assert not scores.losses.requires_grad
    rows = row_scores(*example_case[:3], targets)
    torch.testing.assert_close(rows.largest.double(), logits.amax(1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(rows.norms.double(), logits.logsumexp(1), rtol=1e-5, atol=1e-5)


def test_a_row_scores_the_same_to_the_bit_alone_and_in_any_place() -> None:
    inputs, weight, bias, targets = case(70, 40, 300)
    whole = row_scores(inputs, weight, bias, targets)
    for rows in ([3], [69], [69, 3, 17], list(range(69, -1, -1))):
        part = row_scores(inputs[rows], weight, bias, targets[rows])
        assert all(torch.equal(a, b[rows]) for a, b in zip(part, whole, strict=True))


def test_tensors_may_lie_in_memory_in_any_way() -> None:
    example_case = case(20, 40, 300)
    leaves = example_case.leaves()
    expected = torch.autograd.grad(native_cross_entropy(*example_case), leaves)
    turned = [leaf.detach().t().contiguous().t() for leaf in leaves[:2]]
    bias = leaves[2].detach().repeat_interleave(2)[::2]
    odd = [leaf.requires_grad_() for leaf in (*turned, bias)]
    assert not any(leaf.is_contiguous() for leaf in odd)
    loss = native_cross_entropy(odd[0], odd[1], odd[2], example_case.targets.int())
    assert all(map(torch.equal, torch.autograd.grad(loss, odd), expected))


@pytest.mark.parametrize("target", [-100, -1, 300, 10**9])
def test_a_target_that_is_no_word_is_refused(target: int) -> None:
    inputs, weight, bias, targets = case(4, 8, 300)
    targets[2] = target
    for score in (native_cross_entropy, row_scores):
        with pytest.raises(DataError, match=rf"{target}.*from 0 to 299"):
            score(inputs, weight, bias, targets)


def test_no_tokens_cost_nothing() -> None:
    _, weight, bias, targets = case(4, 8, 300)
    none = torch.zeros(0, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(none, weight, bias, targets[:0])
    loss.backward()
    assert loss.item() == 0
    assert weight.grad is not None
    assert weight.grad.count_nonzero() == 0


def test_second_derivatives_are_refused() -> None:
    example_case = case(4, 8, 20)
    (first,) = torch.autograd.grad(
        native_cross_entropy(*example_case).square(), example_case.leaves()[:1], create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_another_default_type_of_pytorch_changes_nothing(
    another_default_type: Callable[[], None],
) -> None:
    given_case = case(50, 20, 70)

    def run() -> list[Tensor]:
        loss = native_cross_entropy(*given_case)
        return [loss, *torch.autograd.grad(loss, given_case.leaves()), *row_scores(*given_case)]

    expected = [value.detach() for value in run()]
    another_default_type()
    got = run()
    assert {value.dtype for value in got} == {torch.float32}
    assert all(map(torch.equal, got, expected))
