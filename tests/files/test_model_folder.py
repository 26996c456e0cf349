"""A model comes back from its folder with all that belongs to it, and nothing half is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files import model_folder
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import SavedModel, load_model, save_model
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab
from tests.files.model_folders import (
    KINDS,
    MakeSaved,
    SavedFolder,
    answers,
    change_config,
    contents,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back_with_all_that_belongs_to_it(
    kind: Kind, make_saved: MakeSaved, tmp_path: Path
) -> None:
    saved = make_saved(kind, data={"rows": 3}, note="mine")
    random = torch.get_rng_state()
    loaded = load_model(save_model(tmp_path / "m", saved), kind)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(answers(loaded.model), answers(saved.model))
    assert loaded.model.config == saved.model.config
    assert not any(part.training for part in loaded.model.modules())
    assert loaded.kind == kind
    assert replace(loaded, model=saved.model) == saved
    if isinstance(loaded.model, TextClassifier):
        assert (loaded.model.bptt, loaded.model.grad_tokens) == (9, 33)
    if isinstance(loaded.model, LanguageModel):
        assert loaded.model.decoder.weight is loaded.model.encoder.embedding.weight


def test_a_head_without_biases_comes_back_without(make_saved: MakeSaved, tmp_path: Path) -> None:
    saved = make_saved("classifier")
    model = TextClassifier(saved.model.config, 2, head_bias=False).eval()
    loaded = load_model(save_model(tmp_path / "m", replace(saved, model=model))).model
    assert isinstance(loaded, TextClassifier)
    assert not loaded.head_bias
    assert torch.equal(answers(loaded), answers(model))


def several_of(saved: SavedModel) -> SavedModel:
    model = TextClassifier(saved.model.config, 2, multi_label=True).eval()
    return replace(saved, model=model)


def test_a_model_of_several_classes_comes_back_as_one_and_says_so_to_people(
    make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "m", several_of(make_saved("classifier")))
    loaded = load_model(folder)
    assert isinstance(loaded.model, TextClassifier)
    assert loaded.model.multi_label
    assert "multi_label" not in loaded.details
    card = (folder / "README.md").read_text("utf-8")
    assert "several of them" in card
    assert "predict_sets" in card


def test_only_a_model_of_several_classes_asks_older_readers_for_a_newer_version(
    make_saved: MakeSaved, tmp_path: Path
) -> None:
    one = make_saved("classifier")
    versions = []
    for number, saved in enumerate((one, several_of(one))):
        folder = save_model(tmp_path / str(number), saved)
        versions.append(json.loads((folder / "config.json").read_text("utf-8"))["format_version"])
    assert versions == [3, 4]


@pytest.mark.parametrize("value", [1, "yes", None, [True]])
def test_several_classes_are_said_with_true_or_false(
    value: Any, make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "m", several_of(make_saved("classifier")))
    change_config(folder, lambda config: config.update(multi_label=value))
    with pytest.raises(FileFormatError, match="multi_label is neither"):
        load_model(folder)


def test_in_an_older_folder_the_name_is_somebodys_detail(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda config: config.update(multi_label=True))
    model = load_model(folder).model
    assert isinstance(model, TextClassifier)
    assert not model.multi_label


def test_a_folder_that_does_not_speak_of_biases_has_them(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda config: config.pop("head_bias"))
    model = load_model(folder).model
    assert isinstance(model, TextClassifier)
    assert model.head_bias


def test_a_folder_of_format_2_which_knew_float32_alone_is_read(saved_folder: SavedFolder) -> None:
    folder = saved_folder("language-model")
    expected = answers(load_model(folder).model)

    def as_before(config: dict[str, Any]) -> None:
        config["format_version"] = 2
        del config["numbers"]

    change_config(folder, as_before)
    assert torch.equal(answers(load_model(folder).model), expected)


def test_the_folder_holds_these_files_and_no_code(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    assert sorted(contents(folder)) == [
        "README.md", "config.json", "metrics.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert list(folder.parent.iterdir()) == [folder]


def test_the_card_shows_use_figures_and_making(saved_folder: SavedFolder) -> None:
    card = (saved_folder("classifier") / "README.md").read_text("utf-8")
    for part in (
        "load_learner(", "model.predict(", "| accuracy | 0.8125 |", "| seed | 7 |",
        "Classes: neg, pos.", "backwards", "15 tokens",
    ):  # fmt: skip
        assert part in card
    card = (saved_folder("language-model") / "README.md").read_text("utf-8")
    assert "n_words=20" in card
    assert "must not be judged by texts that it has read" in card
    assert 'load_encoder("' in (saved_folder("encoder") / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", ["classifier", "language-model"])
def test_the_use_in_the_card_runs(
    kind: Kind, saved_folder: SavedFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_folder(kind)
    card = (folder / "README.md").read_text("utf-8")
    code = card.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace("path/to/this/folder", folder.as_posix()), names)
    assert names.get("label") in ("neg", "pos") or "The film" in capsys.readouterr().out


# ---- saving over something -----------------------------------------------------------------


def test_a_model_folder_is_replaced(make_saved: MakeSaved, tmp_path: Path) -> None:
    save_model(tmp_path / "m", make_saved("classifier"))
    save_model(tmp_path / "m", make_saved("encoder"))
    assert load_model(tmp_path / "m").kind == "encoder"


@pytest.mark.parametrize("files", [{"notes.txt": "x"}, {"config.json": '{"model_type": "other"}'},
                                   {"config.json": "not json"}])  # fmt: skip
def test_a_folder_of_something_else_is_left_alone(
    files: dict[str, str], make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(FileFormatError, match="not replaced"):
        save_model(folder, make_saved("encoder"))
    assert contents(folder) == {name: text.encode() for name, text in files.items()}


def test_a_file_of_that_name_is_left_alone(make_saved: MakeSaved, tmp_path: Path) -> None:
    (tmp_path / "m").write_text("x")
    with pytest.raises(FileFormatError, match="not replaced"):
        save_model(tmp_path / "m", make_saved("encoder"))
    assert (tmp_path / "m").read_text() == "x"


@pytest.mark.parametrize("step", ["save_tensors", "write_json", "model_card"])
def test_a_save_that_is_interrupted_leaves_the_old_folder_whole(
    step: str, make_saved: MakeSaved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_model(tmp_path / "m", make_saved("classifier"))
    before = contents(folder)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_folder, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_model(folder, make_saved("encoder"))
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("neg",)}, "2 classes"),
        ({"classes": ("neg", "neg")}, "2 classes"),
        ({"details": {"kind": "encoder"}}, "details use kind"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    changes: dict[str, Any], message: str, make_saved: MakeSaved, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        save_model(tmp_path / "m", replace(make_saved("classifier"), **changes))
    assert not list(tmp_path.iterdir())


def test_a_tokenizer_of_another_size_is_not_written(
    make_saved: MakeSaved, make_vocab: Callable[..., Vocab], tmp_path: Path
) -> None:
    other = Tokenizer(make_vocab(("one",)))
    with pytest.raises(DataError, match="15 words, the tokenizer 10"):
        save_model(tmp_path / "m", replace(make_saved("encoder"), tokenizer=other))


def test_no_metrics_are_no_fault(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    (folder / "metrics.json").unlink()
    assert load_model(folder).metrics == {}


def test_a_copy_of_the_folder_elsewhere_is_the_same_model(
    saved_folder: SavedFolder, tmp_path: Path
) -> None:
    folder = saved_folder("classifier")
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "m")
    assert torch.equal(answers(load_model(copy).model), answers(load_model(folder).model))


def test_weights_that_are_no_numbers_are_not_saved(make_saved: MakeSaved, tmp_path: Path) -> None:
    saved = make_saved("classifier")
    assert isinstance(saved.model, TextClassifier)
    with torch.no_grad():
        saved.model.head[2].weight[0, 0] = torch.nan
    with pytest.raises(DataError, match=r"head\.2\.weight.*not saved"):
        save_model(tmp_path / "model", saved)
    assert not (tmp_path / "model").exists()
