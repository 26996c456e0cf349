"""Forward and backward of an LSTM, alone or watched."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from benchmarks._worker import Gate
from steadfit.penalties import NormStabilizer, watch

REPETITIONS = 3


def lstm(gate: Gate, settings: dict[str, Any]) -> None:
    """Run one layer over a window; `on` says what the norm stabilizer reads, if there is one."""
    torch.set_num_threads(settings["threads"])
    device = torch.device(settings["device"])
    rows, steps, units = settings["rows"], settings["steps"], settings["units"]
    model = nn.LSTM(units, units, batch_first=True).to(device)
    x = torch.randn(rows, steps, units, device=device, requires_grad=True)
    with ExitStack() as stack:
        watched = None
        if settings["on"] is not None:
            penalties = {"": [NormStabilizer(50.0, on=settings["on"])]}
            watched = stack.enter_context(watch(model, penalties))

        def once() -> None:
            out, _ = model(x)
            loss = out.sum()
            if watched is not None:
                loss = loss + watched.penalty()
            torch.autograd.grad(loss, [x, *model.parameters()])

        for _ in gate:
            began = time.perf_counter()
            for _ in range(REPETITIONS):
                once()
            if device.type == "cuda":
                torch.cuda.synchronize()
            gate.report(seconds=time.perf_counter() - began, work=REPETITIONS * rows * steps)
