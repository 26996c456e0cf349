"""fastai's side of the comparison, run by the Python that has fastai and by no other.

Each line of standard input is a JSON object: `task`, one of TASKS, `folder`, and the task's
settings; arrays lie in `folder`/in.npz. The answer's arrays go to `folder`/out.npz, its plain
values to a line of standard output. Nothing is pickled.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastai
import numpy as np
import spacy
import torch
from fastai.basics import even_mults
from fastai.callback.rnn import RNNRegularizer
from fastai.callback.schedule import SchedCos, combined_cos
from fastai.data.core import DataLoaders
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam
from fastai.text.data import (
    LMDataLoader,
    Numericalize,
    SortedDL,
    TensorText,
    make_vocab,
    pad_input,
    pad_input_chunk,
)
from fastai.text.learner import TextLearner, match_embeds
from fastai.text.models.awdlstm import (
    AWD_LSTM,
    EmbeddingDropout,
    RNNDropout,
    WeightDropout,
    awd_lstm_clas_config,
    awd_lstm_clas_split,
    awd_lstm_lm_config,
    awd_lstm_lm_split,
)
from fastai.text.models.core import get_language_model, get_text_classifier, masked_concat_pool
from fastcore.xtras import save_pickle
from torch import Tensor, nn

from benchmarks._peer_tokens import fastai1_tokenizer

Arrays = dict[str, Tensor]
Answer = tuple[Arrays, dict[str, Any]]
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def language_model(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Read windows with the state carried over; give logits, outputs, state, loss, gradients."""
    model = get_language_model(AWD_LSTM, settings["words"], settings["config"])
    model = _filled(model, arrays, settings).train()
    if settings.get("dropout_off", True):
        _no_dropout(model)
    answer: Arrays = {}
    total = torch.zeros((), dtype=DTYPES[settings["dtype"]])
    for number, (inputs, targets) in enumerate(
        zip(arrays["inputs"], arrays["targets"], strict=True)
    ):
        logits, hidden, dropped = model(inputs)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss = _regularized(loss, dropped, hidden, settings)
        total = total + loss
        answer[f"logits.{number}"], answer[f"hidden.{number}"] = logits, hidden
        answer[f"loss.{number}"] = loss
        for layer, (h, c) in enumerate(model[0].hidden):
            answer[f"h.{number}.{layer}"], answer[f"c.{number}.{layer}"] = h[0], c[0]
    total.backward()
    return answer | _gradients(model), {}


def classifier(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Score documents of one length; with `labels` in training, gradients too."""
    model = _classifier(arrays, settings)
    tokens = arrays["tokens"]
    if "labels" in arrays:
        _no_dropout(model.train())
        logits = model(tokens)[0]
        loss = nn.functional.cross_entropy(logits, arrays["labels"])
        loss.backward()
        return {"logits": logits, "loss": loss} | _gradients(model), {}
    with torch.no_grad():
        hidden, mask = model.eval()[0](tokens)
        pooled = masked_concat_pool(hidden, mask, settings["seq_len"])
        return {"pooled": pooled, "logits": model(tokens)[0]}, {}


def ragged(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Score documents of several lengths together, padded as fastai pads, and one by one."""
    model = _classifier(arrays, settings).eval()
    documents = [TensorText(torch.tensor(ids)) for ids in settings["documents"]]
    padded = pad_input_chunk([(ids,) for ids in documents], seq_len=settings["seq_len"])
    with torch.no_grad():
        together = model(torch.stack([torch.as_tensor(row[0]) for row in padded]))[0]
        alone = torch.cat([model(torch.as_tensor(ids)[None])[0] for ids in documents])
    return {"together": together, "alone": alone}, {}


def encoder_keys(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Give the names and shapes of what `save_encoder` writes, and values for a small encoder."""
    state = get_language_model(AWD_LSTM, settings["words"], settings["config"])[0].state_dict()
    return dict(state), {"shapes": {name: list(value.shape) for name, value in state.items()}}


def parameter_counts(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Count a language model's weights, and give fastai's default configuration."""
    model = get_language_model(AWD_LSTM, settings["words"], settings["config"])
    return {}, {
        "all": sum(p.numel() for p in model.parameters()),
        "recurrent": sum(p.numel() for p in model[0].rnns.parameters()),
        "defaults": awd_lstm_lm_config,
    }


def classifier_defaults(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Give fastai's default configuration and the layers of its head."""
    model = get_text_classifier(AWD_LSTM, settings["words"], settings["classes"])
    head = [layer for block in model[1].layers for layer in block]
    return {}, {
        "config": awd_lstm_clas_config,
        "head": [type(layer).__name__ for layer in head],
        "head_dropouts": [layer.p for layer in head if isinstance(layer, nn.Dropout)],
    }


def penalties(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Give the value that the regularization callback adds, and its gradients."""
    dropped, hidden = (arrays[name].requires_grad_() for name in ("dropped", "hidden"))
    value = _regularized(torch.zeros(()), dropped, hidden, settings)
    answer = {"value": value}
    if value.requires_grad:
        grads = torch.autograd.grad(value, (dropped, hidden), allow_unused=True)
        for name, grad in zip(("dropped", "hidden"), grads, strict=True):
            if grad is not None:
                answer[f"gradient.{name}"] = grad
    return answer, {}


def dropouts(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Apply the three dropouts to ones."""
    torch.manual_seed(settings["seed"])
    p, (batch, time, units), words = settings["p"], settings["shape"], settings["words"]
    embedding = nn.Embedding(words, units, padding_idx=1)
    nn.init.ones_(embedding.weight)
    lstm = nn.LSTM(units, units, batch_first=True)
    dropped = WeightDropout(lstm, p)
    nn.init.ones_(dropped.weight_hh_l0_raw)
    dropped(torch.ones(batch, time, units))[0].sum().backward()
    return {
        "locked": RNNDropout(p)(torch.ones(batch, time, units)),
        "embedding": EmbeddingDropout(embedding, p)(arrays["tokens"]),
        "weight": lstm.weight_hh_l0,
        "raw_gradient": dropped.weight_hh_l0_raw.grad,
    }, {}


def vocabulary(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Build a vocabulary from counts and number some tokens."""
    made = make_vocab(
        Counter(dict(settings["counts"])),
        min_freq=settings["min_freq"],
        max_vocab=settings["max_vocab"],
    )
    ids = Numericalize(vocab=made)(settings["tokens"])
    return {}, {"itos": list(made), "ids": torch.as_tensor(ids).tolist()}


def streams(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Give every window of unshuffled language-model streams."""
    results = []
    for stream in settings["streams"]:
        documents = [TensorText(torch.tensor(ids)) for ids in stream["documents"]]
        loader = LMDataLoader(
            documents,
            lens=[len(ids) for ids in documents],
            bs=stream["batch_size"],
            seq_len=stream["bptt"],
        )
        # Items rather than batches: the loader's own machinery takes most of the time.
        items = [loader.create_item(number) for number in range(loader.n)]
        results.append([[torch.as_tensor(part).tolist() for part in item] for item in items])
    return {}, {"items": results}


def sorting(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Give the order in which documents of the given lengths are read, sorted and shuffled."""
    documents = [(torch.zeros(length),) for length in settings["lengths"]]
    orders = {}
    for shuffle in (False, True):
        loader = SortedDL(documents, res=settings["lengths"], bs=settings["bs"], shuffle=shuffle)
        orders["shuffled" if shuffle else "sorted"] = [int(place) for place in loader.get_idxs()]
    return {}, orders


def padding(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Pad documents behind."""
    documents = [(TensorText(torch.tensor(ids)),) for ids in settings["documents"]]
    return {"tokens": torch.stack([torch.as_tensor(row[0]) for row in pad_input(documents)])}, {}


def tokens(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Tokenize by spaCy's English splitting with fastai 1's rules around it."""
    tokenize = fastai1_tokenizer()
    return {}, {"tokens": [tokenize(text) for text in settings["texts"]]}


def schedules(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Give fastai 2's one-cycle curve, and fastai 1's put together from the same cosines."""
    steps, lr, (high, low) = settings["steps"], settings["lr"], settings["moms"]
    rate = combined_cos(0.25, lr / 25, lr, lr / 1e5)
    momentum = combined_cos(0.25, high, low, high)
    climb = int(0.3 * steps)
    up = [number / climb for number in range(climb)]
    down = [number / (steps - climb) for number in range(steps - climb)]
    return {}, {
        "rates": [float(rate(step / steps)) for step in range(steps)],
        "momenta": [float(momentum(step / steps)) for step in range(steps)],
        "rates_1": [*map(SchedCos(lr / 25, lr), up), *map(SchedCos(lr, lr / 25e4), down)],
        "momenta_1": [*map(SchedCos(high, low), up), *map(SchedCos(low, high), down)],
        "spread": [float(value) for value in even_mults(1e-3, 1e-1, 5)],
    }


def adam(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Take one step of fastai's Adam for each of the gradients, without decay on the bias."""
    layer = nn.Linear(arrays["weight"].shape[1], arrays["weight"].shape[0])
    layer.load_state_dict({name: arrays[name] for name in ("weight", "bias")})
    optimizer = Adam([[layer.weight], [layer.bias]], lr=settings["lr"], eps=settings["eps"])
    optimizer.set_hypers(sqr_mom=0.99, wd=[settings["wd"], 0.0])
    for number, momentum in enumerate(settings["momenta"]):
        optimizer.set_hypers(mom=momentum)
        for name, parameter in layer.named_parameters():
            parameter.grad = arrays[f"gradient.{name}"][number]
        optimizer.step()
    return dict(layer.state_dict()), {}


def layer_groups(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Name the weights of each layer group, as freezing and learning rates go by."""
    if settings["of"] == "classifier":
        model = get_text_classifier(AWD_LSTM, settings["words"], 2, config=settings["config"])
        groups = awd_lstm_clas_split(model)
    else:
        model = get_language_model(AWD_LSTM, settings["words"], settings["config"])
        groups = awd_lstm_lm_split(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {}, {"groups": [sorted({names[id(p)] for p in group}) for group in groups]}


def matching(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Carry embedding and bias from one vocabulary to another."""
    weights = {"0.encoder.weight": arrays["weight"], "1.decoder.bias": arrays["bias"]}
    matched = match_embeds(weights, settings["old"], settings["new"])
    return {"weight": matched["0.encoder.weight"], "bias": matched["1.decoder.bias"]}, {}


def saved_models(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Train for a moment and save as users do; give what the model then computes.

    Writes to the folder `place`: `lm.pth` with the optimizer's state, `lm_alone.pth` without,
    `encoder.pth`, `classifier.pth`, and the words, `itos.pkl`.
    """
    itos, place = make_vocab(Counter(settings["words"]), min_freq=1), settings["place"]
    model = get_language_model(AWD_LSTM, len(itos), settings["config"])
    documents = [TensorText(ids) for ids in torch.randint(2, len(itos), (4, 12))]
    loaders = [LMDataLoader(documents, lens=[12] * 4, bs=2, seq_len=5) for _ in range(2)]
    loss = CrossEntropyLossFlat()
    learn = TextLearner(
        DataLoaders(*loaders), model, loss_func=loss, splitter=awd_lstm_lm_split, path=place,
        model_dir=".",
    )  # fmt: skip
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, slice(1e-2, 1e-1))
    learn.save("lm")
    learn.save("lm_alone", with_opt=False)
    learn.save_encoder("encoder")
    sizes = {name: settings["config"][name] for name in ("emb_sz", "n_hid", "n_layers")}
    config = {**awd_lstm_clas_config, **sizes}
    learn.model = get_text_classifier(AWD_LSTM, len(itos), 2, config=config)
    learn.save("classifier", with_opt=False)
    save_pickle(Path(place) / "itos.pkl", itos)
    model.eval().reset()
    tokens = torch.randint(2, itos.index("xxfake"), (3, 8))
    with torch.no_grad():
        logits, hidden, _ = model(tokens)
    return {"tokens": tokens, "logits": logits, "hidden": hidden}, {"itos": list(itos)}


def versions(arrays: Arrays, settings: dict[str, Any]) -> Answer:
    """Name what is compared with."""
    return {}, {
        "fastai": fastai.__version__,
        "spacy": spacy.__version__,
        "torch": torch.__version__,
    }


Task = Callable[[Arrays, dict[str, Any]], Answer]
TASKS: dict[str, Task] = {
    task.__name__: task
    for task in (
        *(language_model, parameter_counts, classifier, classifier_defaults, ragged),
        *(encoder_keys, penalties, dropouts, vocabulary, streams, sorting, padding),
        *(tokens, schedules, adam, layer_groups, matching, saved_models),
        versions,
    )
}


def _classifier(arrays: Arrays, settings: dict[str, Any]) -> nn.Module:
    model = get_text_classifier(
        AWD_LSTM,
        settings["words"],
        settings["classes"],
        seq_len=settings["seq_len"],
        config=settings["config"],
        max_len=settings.get("max_len", 20 * settings["seq_len"]),
    )
    return _filled(model, arrays, settings)


def _filled(model: nn.Module, arrays: Arrays, settings: dict[str, Any]) -> nn.Module:
    """Fill every weight and buffer of the model from arrays named `weight.NAME`."""
    names = model.state_dict()
    model.load_state_dict({name: arrays[f"weight.{name}"] for name in names})
    model = model.to(DTYPES[settings["dtype"]])
    model.reset()
    return model


def _no_dropout(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout | RNNDropout):
            module.p = 0.0
        elif isinstance(module, WeightDropout):
            module.weight_p = 0.0
        elif isinstance(module, EmbeddingDropout):
            module.embed_p = 0.0


def _regularized(loss: Tensor, dropped: Tensor, hidden: Tensor, settings: dict[str, Any]) -> Tensor:
    outputs = SimpleNamespace(out=dropped, raw_out=hidden)
    learner = SimpleNamespace(training=True, loss_grad=loss.clone(), rnn=outputs)
    callback = RNNRegularizer(settings.get("alpha", 0.0), settings.get("beta", 0.0))
    callback.learn = learner
    callback.after_loss()
    return learner.loss_grad


def _gradients(model: nn.Module) -> Arrays:
    return {
        f"gradient.{name}": parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def _answer(line: str) -> dict[str, Any]:
    settings = json.loads(line)
    folder = Path(settings.pop("folder"))
    with np.load(folder / "in.npz", allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    task = TASKS[settings.pop("task")]
    try:
        out, values = task(arrays, settings)
        np.savez(folder / "out.npz", **{k: v.detach().numpy() for k, v in out.items()})
    except Exception:  # the test that asked shows it
        return {"error": traceback.format_exc()}
    return {"values": values}


def main() -> None:
    """Answer until standard input ends."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # what fastai prints must not mix with answers
    for line in sys.stdin:
        print(json.dumps(_answer(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
