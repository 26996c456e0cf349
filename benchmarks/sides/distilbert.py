"""DistilBERT's side of prediction: transformers, with random weights of the usual sizes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from tokenizers import BertWordPieceTokenizer
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    DistilBertConfig,
    PreTrainedTokenizerFast,
)

from benchmarks._worker import Gate

WORDS, LONGEST, ROWS = 30_522, 512, 32
SPECIAL = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


@torch.inference_mode()
def many(gate: Gate, settings: dict[str, Any]) -> None:
    """Label all texts, cut after 512 tokens, those of like length together."""
    torch.set_num_threads(settings["threads"])
    model, tokenizer = _model(settings), _tokenizer(settings)
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    device = torch.device(settings["device"])
    model(**tokenizer(texts[:1], truncation=True, return_tensors="pt").to(device))
    for _ in gate:
        began = time.perf_counter()
        ids = tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        labels = [""] * len(ids)
        for start in range(0, len(order), ROWS):
            places = order[start : start + ROWS]
            batch = tokenizer.pad({"input_ids": [ids[p] for p in places]}, return_tensors="pt")
            logits = model(**batch.to(device)).logits
            for place, index in zip(places, logits.argmax(dim=1).tolist(), strict=True):
                labels[place] = model.config.id2label[index]
        seconds = time.perf_counter() - began
        gate.report(seconds=seconds, work=len(labels))


def _model(settings: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=WORDS, num_labels=2)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    if settings["dtype"] == "bf16":
        model = model.to(torch.bfloat16)
    if settings["dtype"] == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, torch.qint8)
    return model.to(settings["device"])


def _tokenizer(settings: dict[str, Any]) -> PreTrainedTokenizerFast:
    """Return a WordPiece tokenizer of the usual size, learnt once from all reviews."""
    file = Path(settings["every_text"]).with_name("wordpiece.json")
    if not file.exists():
        learnt = BertWordPieceTokenizer(lowercase=True)
        texts = json.loads(Path(settings["every_text"]).read_text(encoding="utf-8"))
        learnt.train_from_iterator(texts, vocab_size=WORDS, show_progress=False)
        beside = file.with_name(f".{os.getpid()}-{file.name}")
        learnt.save(str(beside))
        beside.replace(file)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file), **SPECIAL)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer
