"""An exported graph says what the PyTorch model says, of texts of any length."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from steadfit.core.errors import DataError, FileFormatError, MissingExtraError
from steadfit.core.json_files import sealed
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.onnx_folder import save_onnx
from steadfit.inference.onnx_reader import LONGEST_WINDOW, OnnxReader
from steadfit.inference.predictor import Predictor
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import Tokenizer
from tests.inference.conftest import WORDS

for _library in ("onnx", "onnxruntime"):
    pytest.importorskip(_library, reason=f"{_library} is not installed: the extra [onnx]")

CLASSES = ("bad", "good", "neither")


def texts() -> list[str]:
    """Return texts of a few tokens, about a window, and several windows, in no order."""
    draw = np.random.default_rng(0)
    window = LONGEST_WINDOW
    lengths = [0, 1, 2, 31, 3 * window + 7, 33, *range(window - 3, window + 3), 70, 5]
    return [" ".join(draw.choice(WORDS, length)) for length in lengths]


def saved(
    model: TextClassifier, tokenizer: Tokenizer, backwards: bool = False, spread: float = 0.5
) -> SavedModel:
    """Return the model with running statistics, as if it had been trained, and milder opinions."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for part in model.head:
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.normal_(0, 0.3, generator=draw)
                part.running_var.uniform_(0.5, 2, generator=draw)
                part.bias.normal_(generator=draw)
            for weight in part.parameters():
                weight.mul_(spread)
    return SavedModel(model, tokenizer, CLASSES, backwards)


def by_torch(one: SavedModel) -> np.ndarray:
    assert isinstance(one.model, TextClassifier)
    reader = Predictor(one.model, one.tokenizer, CLASSES, one.backwards, "float32")
    return reader.probabilities(texts(), batch_size=3).numpy()


@pytest.mark.parametrize("backwards", [False, True])
def test_probabilities_are_those_of_pytorch(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path, backwards: bool
) -> None:
    one = saved(classifier, tokenizer, backwards)
    reader = OnnxReader.load(save_onnx(tmp_path / "out", one), threads=1)
    found = reader.probabilities(texts())
    assert reader.classes == CLASSES
    assert found.std(axis=0).max() > 0.01, "a model that says the same of all texts shows nothing"
    np.testing.assert_allclose(found, by_torch(one), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("options", [{"head_bias": False}, {"multi_label": True}])
def test_other_heads_are_those_of_pytorch(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path, options: dict[str, bool]
) -> None:
    other = TextClassifier(classifier.config, 3, **options).eval()
    other.load_state_dict(classifier.state_dict(), strict=False)
    one = saved(other, tokenizer)
    found = OnnxReader.load(save_onnx(tmp_path / "out", one), threads=1).probabilities(texts())
    np.testing.assert_allclose(found, by_torch(one), atol=1e-5)


@pytest.mark.parametrize(("numbers", "close"), [("float32", 1e-6), ("int8", 0)])
def test_a_text_gets_the_same_alone_and_in_any_batch(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path, numbers: str, close: float
) -> None:
    folder = save_onnx(tmp_path / "out", saved(classifier, tokenizer), numbers)  # type: ignore[arg-type]
    reader = OnnxReader.load(folder, threads=1)
    together = reader.probabilities(texts(), batch_size=48)
    alone = np.concatenate([reader.probabilities([text]) for text in texts()])
    np.testing.assert_allclose(together, alone, atol=close, rtol=0)
    np.testing.assert_allclose(
        reader.probabilities(texts()[::-1], batch_size=4)[::-1], alone, atol=close, rtol=0
    )


def test_int8_is_near_and_labels_alike(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    one = saved(classifier, tokenizer)
    whole, small = (
        OnnxReader.load(save_onnx(tmp_path / numbers, one, numbers), threads=1)
        for numbers in ("float32", "int8")
    )
    expected, found = whole.probabilities(texts()), small.probabilities(texts())
    assert (expected != found).any()
    np.testing.assert_allclose(found, expected, atol=0.03)
    sure = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] > 0.06
    assert sure.sum() > 3
    assert (found.argmax(1) == expected.argmax(1))[sure].all()


def test_reading_a_graph_imports_no_torch(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save_onnx(tmp_path / "out", saved(classifier, tokenizer))
    script = (
        "import sys; from steadfit.inference.onnx_reader import OnnxReader; "
        f"OnnxReader.load({str(tmp_path / 'out')!r}, 1).probabilities(['a film']); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_was_altered_is_refused(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    one = saved(classifier, tokenizer)
    for name, message in (("model.onnx", "altered"), ("config.json", "checksum")):
        folder = save_onnx(tmp_path / "out", one)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b"good", b"fine") + b" ")
        with pytest.raises(FileFormatError, match=message):
            OnnxReader.load(folder)
    folder = save_onnx(tmp_path / "out", one)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    for name in ("classes", "graph_sha256"):
        less = {key: value for key, value in config.items() if key != name}
        (folder / "config.json").write_text(json.dumps(sealed(less)), "utf-8")
        with pytest.raises(FileFormatError, match="all that a reader needs"):
            OnnxReader.load(folder)
    folder = save_onnx(tmp_path / "out", one)
    (folder / "model.onnx").unlink()
    with pytest.raises(FileFormatError, match="cannot be read"):
        OnnxReader.load(folder)
    with pytest.raises(FileFormatError, match=r"config\.json cannot be read"):
        OnnxReader.load(tmp_path / "nothing")
    with pytest.raises(FileFormatError, match="in the format steadfit-model; wanted is an ONNX"):
        OnnxReader.load(save_model(tmp_path / "model", one))
    with pytest.raises(FileFormatError, match="not a folder of an ONNX graph"):
        save_onnx(tmp_path / "model", one)


def test_what_cannot_be_read_or_written_is_refused(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = save_onnx(tmp_path / "out", saved(classifier, tokenizer))
    reader = OnnxReader.load(folder, threads=1)
    assert reader.probabilities([]).shape == (0, 3)
    for wrong, message in (("a film", "list of texts"), ([None], "give a string")):
        with pytest.raises(DataError, match=message):
            reader.probabilities(wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="batch_size"):
        reader.probabilities(["a"], batch_size=0)
    with pytest.raises(DataError, match="threads"):
        OnnxReader.load(folder, threads=-1)
    for model in (LanguageModel(classifier.config), AWDLSTM(classifier.config)):
        with pytest.raises(DataError, match="a classifier can be written as ONNX"):
            save_onnx(tmp_path / "none", SavedModel(model, tokenizer))
    assert not (tmp_path / "none").exists()


def test_a_missing_library_is_named(
    classifier: TextClassifier,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = save_onnx(tmp_path / "out", saved(classifier, tokenizer))
    for library in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steadfit\[onnx\]'"):
        save_onnx(tmp_path / "other", saved(classifier, tokenizer))
    with pytest.raises(MissingExtraError, match=r"needs the library onnxruntime.*steadfit\[onnx\]"):
        OnnxReader.load(folder)


def test_the_graph_is_what_its_card_says(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    import onnxruntime

    folder = save_onnx(tmp_path / "out", saved(classifier, tokenizer))
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    given = {one.name: one.shape for one in session.get_inputs()}
    made = {one.name for one in session.get_outputs()}
    assert made == {"logits"} | {f"next_{name}" for name in given.keys() - {"tokens", "lengths"}}
    card = (folder / "README.md").read_text("utf-8")
    units = json.loads((folder / "config.json").read_text("utf-8"))["units"]
    for name, shape in given.items():
        assert f"`{name}" in card
        if name[:2] in ("h_", "c_"):
            assert shape == ["rows", units[int(name[2:])]]
