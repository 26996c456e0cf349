"""transformers: the page's `Trainer` beside the same training by hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

from steadfit.penalties import norm_stabilizer
from tests.integrations.by_hand import close
from tests.integrations.page import run_block

WORDS, ROWS, TIME, SIZE = 9, 8, 6, 2
EXACTLY = 1e-10  # in float64, where rounding hides nothing


class Model(nn.Module):
    """Classifies sequences of ids."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 4)
        self.rnn = nn.LSTM(4, 5, batch_first=True)
        self.head = nn.Linear(5, 2)
        self.double()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
    ) -> SequenceClassifierOutput:
        logits = self.head(self.rnn(self.embedding(input_ids))[0][:, -1])
        return SequenceClassifierOutput(loss=cross_entropy(logits, labels), logits=logits)


class ModelOfSums(Model):
    """Divides the sum of losses by the rows of all accumulated batches, if it is told them."""

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, **kwargs: Any
    ) -> SequenceClassifierOutput:
        output = super().forward(input_ids, attention_mask, labels)
        rows = kwargs.get("num_items_in_batch", len(labels))
        return SequenceClassifierOutput(output.loss * len(labels) / rows, output.logits)


def reviews() -> list[dict[str, Tensor]]:
    numbers = torch.Generator().manual_seed(8)
    ids = torch.randint(WORDS, (ROWS, TIME), generator=numbers)
    lengths = torch.randint(2, TIME + 1, (ROWS,), generator=numbers)
    masks = (torch.arange(TIME) < lengths.unsqueeze(1)).long()
    labels = torch.arange(ROWS) % 2
    return [
        {"input_ids": one, "attention_mask": mask, "labels": label}
        for one, mask, label in zip(ids, masks, labels, strict=True)
    ]


def arguments(folder: Path, accumulate: int = 1) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=SIZE,
        gradient_accumulation_steps=accumulate,
        num_train_epochs=1,
        optim="sgd",
        learning_rate=0.3,
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        eval_strategy="epoch",
        train_sampling_strategy="sequential",
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )


def trained_by_hand(model: Model, beta: float = 50.0, accumulate: int = 1) -> Model:
    """Train with the penalty's own function in a loop."""
    model, rows = copy.deepcopy(model), reviews()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for number, start in enumerate(range(0, ROWS, SIZE), start=1):
        batch = rows[start : start + SIZE]
        ids, mask, labels = (torch.stack([row[name] for row in batch]) for name in batch[0])
        penalty = norm_stabilizer(model.rnn(model.embedding(ids))[0], beta, mask.bool())
        ((Model.forward(model, ids, mask, labels).loss + penalty) / accumulate).backward()
        if number % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
    return model


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def train(model: Model, folder: Path, accumulate: int = 1) -> dict[str, Any]:
    """Run the page's code."""
    settings = arguments(folder, accumulate)
    return run_block("transformers", model=model, arguments=settings, reviews=reviews())


def test_training_is_that_of_a_loop_by_hand(folder: Path) -> None:
    model = Model()
    expected, without = trained_by_hand(model), trained_by_hand(model, beta=0.0)
    train(model, folder)
    close(weights(model), weights(expected), EXACTLY)
    assert float((weights(model) - weights(without)).abs().max()) > 1e-3


def test_accumulated_batches_are_averaged_for_both_kinds_of_models(folder: Path) -> None:
    for kind in (Model, ModelOfSums):
        model = kind()
        expected = trained_by_hand(model, accumulate=2)
        train(model, folder, accumulate=2)
        close(weights(model), weights(expected), EXACTLY)


def test_evaluation_is_not_penalised(folder: Path) -> None:
    model = Model()
    names = train(model, folder)
    logged = [log["eval_loss"] for log in names["trainer"].state.log_history if "eval_loss" in log]
    rows = reviews()
    ids, mask, labels = (torch.stack([row[name] for row in rows]) for name in rows[0])
    close(logged[-1], Model.forward(model, ids, mask, labels).loss)
    assert not any(one._forward_hooks for one in model.modules())
