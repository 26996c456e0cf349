"""Memory does not grow with the text, nor with the length of a document.

Each measurement runs in a process of its own, for the largest resident set of a process only grows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from benchmarks.prepare import write_text

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no getrusage there")

ROOT = Path(__file__).parents[1]
BEGIN = """
    import resource, sys
    import torch
    from pathlib import Path
    torch.set_num_threads(1)

    def peak_mb():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
"""


def run(program: str, *arguments: object) -> Any:
    """Run a program in a process of its own and return what its last line says, as JSON."""
    code = textwrap.dedent(BEGIN) + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_four_times_the_text_becomes_a_stream_in_the_same_memory(tmp_path: Path) -> None:
    """Words are forgotten several times on the way, as they are in texts of some 100 MB."""
    program = """
        from benchmarks.prepare import _prepare
        from steadfit.data.interning import Interning
        import json
        Interning.__init__.__defaults__ = (1 << 13,)
        figures = _prepare(Path(sys.argv[1]), Path(sys.argv[2]))
        print(json.dumps([figures["peak_mb"], figures["documents"]]))
    """
    peaks = {}
    for size in (4, 16):
        text = tmp_path / f"{size}.txt"
        write_text(text, size * 1_000_000, common_words=20_000)
        peaks[size], documents = run(program, text, tmp_path / str(size))
    assert documents > 9_000
    assert peaks[16] < 1.03 * peaks[4]


def test_nothing_of_the_words_let_go_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    program = """
        from steadfit import read_corpus
        from steadfit.data.interning import Interning
        from steadfit.data.prepare import prepare_tokens
        import gc, json
        Interning.__init__.__defaults__ = (1 << 10,)
        path = Path(sys.argv[1])
        corpus = read_corpus(path)
        gc.collect()
        gc.disable()
        before = peak_mb()
        prepare_tokens(corpus, cache=path.parent / "tokens")
        print(peak_mb() - before)
    """
    text = tmp_path / "text.txt"
    write_text(text, 6_000_000, common_words=20_000)
    assert run(program, text) < 30


LARGE_FILES = {
    "csv": ("text,label\n", '"{text}",{label}\n'),
    "jsonl": ("", '{{"text": "{text}", "label": "{label}"}}\n'),
    "txt": ("", "{text}\n"),
}


@pytest.mark.parametrize("kind", LARGE_FILES)
def test_a_large_file_is_read_without_being_held(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"large.{kind}"
    head, line = LARGE_FILES[kind]
    text = "a text of some length, " * 40
    lines = [line.format(text=text, label=("neg", "pos")[n % 2]) for n in range(40)]
    path.write_text(head + "".join(lines) * 1000)
    program = """
        from steadfit import read_corpus
        from steadfit.text.records import HELD
        path = Path(sys.argv[1])
        label = None if path.suffix == ".txt" else "label"
        assert path.stat().st_size > 2 * HELD
        before = peak_mb()
        corpus = read_corpus(path, label=label).split_randomly(0.1, seed=0)
        characters = sum(map(len, corpus.part("train").texts))
        print([peak_mb() - before, characters])
    """
    grown, characters = run(program, path)
    assert characters == 36_000 * len(text.rstrip("\n"))
    assert grown < 16  # of 37 MB


DOCUMENT = """
    import random
    from steadfit import Predictor
    from steadfit.models.classifier import TextClassifier
    from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
    from steadfit.text.tokenizer import Tokenizer
    from steadfit.text.vocab import MARKERS, Vocab

    words = [f"word{number}" for number in range(300)]
    tokenizer = Tokenizer(Vocab([*MARKERS, *words]))
    sizes = {"emb_sz": 8, "n_hid": 8, "n_layers": 1}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(tokenizer.vocab), 1.0, sizes)
    predictor = Predictor(TextClassifier(config, 2).eval(), tokenizer, ("a", "b"))
    draw = random.Random(0)
"""


def test_a_document_of_a_million_tokens_takes_50_mb_more_than_one_of_ten_thousand() -> None:
    program = (
        DOCUMENT
        + """
    peaks = []
    for tokens in (10_000, 1_000_000):
        text = " ".join(draw.choices(words, k=tokens))
        assert predictor.predict(text).label in ("a", "b")
        peaks.append(peak_mb())
    assert len(tokenizer.encode(text)) == 1_000_001
    print(peaks)
    """
    )
    short, long = run(program)
    assert long - short < 50  # the text itself is a part of it


def test_one_long_document_among_many_short_ones_is_not_padded_to() -> None:
    program = (
        DOCUMENT
        + """
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(300)]
    predictor.predict_many(texts)
    before = peak_mb()
    texts.insert(150, " ".join(draw.choices(words, k=300_000)))
    assert len(predictor.predict_many(texts)) == 301
    print(peak_mb() - before)
    """
    )
    assert run(program) < 40  # 32 rows of it alone would be 77
