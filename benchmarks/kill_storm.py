"""Training killed with SIGKILL again and again, beside training that nobody disturbs.

A child process runs a small script: a language model, its range test and fit, its encoder saved; a
classifier, its range test, its head, two layer groups, all of them; logs, the best epoch, early
stopping, checkpoints. It is killed and started again until it ends, and then weights (bit by bit),
predictions and logs (but for times) must be those of the undisturbed script. Half of the kills
come at a random moment, the others at a random moment of a phase that is due, in turn.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any

KILLS, QUICK_KILLS = 200, 20
CYCLE = ("steps", "lr_find", "validation", "checkpoint", "between")
_TIMES = ("time", "seconds", "tokens_per_second")
# The function that a phase is spent in, the innermost first.
_PHASES = {
    "write_checkpoint": "checkpoint",
    "evaluate": "validation",
    "find_lr": "lr_find",
    "_train_epoch": "steps",
    "claim": "opening",
    "newest_checkpoint": "opening",
    "restore": "opening",
    "script": "between",
}


def main(quick: bool) -> dict[str, Any]:
    """Kill often, and count in how many things the survivors differ."""
    if not hasattr(os, "fork"):
        raise SystemExit("This needs os.fork; run it on Linux or macOS.")
    _warm_up()
    with tempfile.TemporaryDirectory() as root:
        os.environ["STEADFIT_HOME"] = str(Path(root, "home"))
        return storm(Path(root), QUICK_KILLS if quick else KILLS, random.Random(0))


def _warm_up() -> None:
    """Import what the children need, without computing: threads do not survive a fork."""
    import safetensors.torch  # noqa: F401
    import torch

    import steadfit  # noqa: F401

    torch.set_num_threads(1)
    torch.optim.AdamW([torch.zeros(1)])  # imports many modules


def storm(root: Path, kills: int, draw: random.Random) -> dict[str, Any]:
    """Let scripts run under fire until so many kills are reached."""
    began = time.perf_counter()
    attempt(root / "undisturbed")
    duration = longest = time.perf_counter() - began
    wanted = outcome(root / "undisturbed")
    found: Counter[str] = Counter()
    different: list[str] = []
    runs = 0
    while found.total() < kills:
        runs += 1
        folder = root / f"run-{runs}"
        while True:
            place = found.total()
            phase = CYCLE[place // 2 % len(CYCLE)] if place % 2 else None
            hit = attempt(folder, draw.uniform(0, longest), phase)
            if hit is None:
                break
            found[hit] += 1
            longest *= 1.03  # so that every run ends, on a machine that grows slower, too
        longest *= 0.8  # so that not many runs end before they are killed
        got = outcome(folder)
        different += [f"run {runs}: {name}" for name in wanted if got.get(name) != wanted[name]]
        different += [f"run {runs}: {name}" for name in got.keys() - wanted.keys()]
    return {
        "kills": found.total(),
        "differences": len(different),
        "different": different,
        "runs": runs,
        "phases": dict(found),
        "undisturbed_seconds": round(duration, 2),
        "seconds": round(time.perf_counter() - began, 1),
    }


def attempt(folder: Path, delay: float | None = None, phase: str | None = None) -> str | None:
    """Run the script in a child; kill it after `delay` seconds, in `phase` if one is named.

    Returns:
        The phase it was killed in; None if it had ended before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            if delay is not None:
                watch = threading.Thread(target=_report, args=(writer, delay, phase), daemon=True)
                watch.start()
            with open(folder / "output.txt", "a", encoding="utf-8") as out, redirect_stdout(out):
                script(folder)
            status = 0
        except BaseException as error:
            print(f"kill-storm: the script failed: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        hit = pipe.read()  # comes when it is time, or empty when the child has ended
    if hit:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGKILL:
        return hit
    if status != 0:
        raise SystemExit(f"The script ended with {status} in {folder}.")
    return None


def script(folder: Path) -> None:
    """Do what a user's program does, and leave its results in `folder`."""
    from steadfit import (
        AWD_LSTM,
        BestModel,
        CSVLog,
        EarlyStopping,
        JSONLinesLog,
        RNNTrainerNorm,
        TextList,
        language_model_learner,
        text_classifier_learner,
    )
    from steadfit.core.atomic import write_json

    def listeners(name: str) -> list[Any]:
        logs = [CSVLog(folder / f"{name}.csv"), JSONLinesLog(folder / f"{name}.jsonl")]
        return [*logs, BestModel(folder / f"{name}-best"), EarlyStopping(patience=1)]

    def settings(name: str) -> dict[str, Any]:
        return {"checkpoint_dir": folder / f"{name}-checkpoints", "checkpoint_every": 3}

    small = {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
    texts, labels = reviews()
    split = TextList.from_texts(texts).split_by_idx(range(0, len(texts), 5))
    data = split.label_for_lm().databunch(folder, bs=4, bptt=8, min_freq=1)
    learn = language_model_learner(
        data, AWD_LSTM, drop_mult=0.3, config=small, accumulate=2, **settings("lm")
    )
    learn.lr_find(num_it=20)
    learn.fit_one_cycle(2, 1e-2, callbacks=listeners("lm"))
    learn.save_encoder("encoder")

    split = TextList.from_texts(texts, vocab=data.vocab).split_by_idx(range(0, len(texts), 5))
    data = split.label_from_list(labels).databunch(folder, bs=6)
    learn = text_classifier_learner(
        data,
        AWD_LSTM,
        drop_mult=0.5,
        config=small,
        bf16=True,
        clip=0.5,
        callbacks=listeners("classifier"),
        **settings("classifier"),
    )
    learn.load_encoder("encoder")
    learn.lr_find(num_it=10)
    learn.fit_one_cycle(1, 2e-2)
    learn.freeze_to(-2)
    learn.fit_one_cycle(2, slice(1e-3, 1e-2), callbacks=[RNNTrainerNorm()])
    learn.unfreeze()
    learn.fit_one_cycle(2, slice(1e-4, 5e-3))
    learn.save("final")
    probabilities, _ = learn.get_preds()
    write_json(folder / "predictions.json", probabilities.tolist())


def reviews() -> tuple[list[str], list[str]]:
    """Make up some reviews, the same every time."""
    draw = random.Random(0)
    texts, labels = [], []
    for number in range(40):
        label = ("neg", "pos")[number % 2]
        opinions = {"neg": "dull awful boring worst", "pos": "great lovely superb best"}[label]
        words = ["the", "film", "was", "a", "story", "of", "actors", *opinions.split()]
        texts.append(" ".join(draw.choices(words, k=draw.randint(8, 24))))
        labels.append(label)
    return texts, labels


def outcome(folder: Path) -> dict[str, Any]:
    """Read all that a script left behind, but for times and what it printed."""
    # What a killed writer left beside, under a name with a dot, is nobody's result.
    weights = [*folder.glob("models/[!.]*/*.safetensors"), *folder.glob("[!.]*.safetensors")]
    read: dict[str, Any] = {str(p.relative_to(folder)): p.read_bytes() for p in weights}
    for path in [*sorted(folder.glob("*.csv")), *sorted(folder.glob("*.jsonl"))]:
        text = path.read_text("utf-8")
        read[path.name] = _rows(text) if path.suffix == ".csv" else _objects(text)
    read["predictions"] = json.loads((folder / "predictions.json").read_text("utf-8"))
    for path in sorted(folder.glob("*-checkpoints/stage-*")):
        read[str(path.relative_to(folder))] = len(list(path.iterdir()))  # none left half done
    return read


def _rows(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text))
    return [{k: v for k, v in row.items() if k not in _TIMES} for row in rows]


def _objects(text: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in text.splitlines())
    return [{k: v for k, v in line.items() if k not in _TIMES} for line in lines]


def _report(pipe: int, delay: float, phase: str | None) -> None:
    """Tell the parent, after `delay` and in `phase`, what the main thread is doing."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    time.sleep(delay)
    while True:
        now = _phase(sys._current_frames()[main_thread])
        if phase in (None, now):
            os.write(pipe, now.encode())
            os.close(pipe)
            return
        time.sleep(0.0005)


def _phase(frame: FrameType | None) -> str:
    while frame is not None:
        if frame.f_code.co_name in _PHASES:
            return _PHASES[frame.f_code.co_name]
        frame = frame.f_back
    return "start"
