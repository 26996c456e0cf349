from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import sealed
from steadfit.files import model_folder
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, SavedModel, load_model, save_model
from steadfit.files.tensors import load_tensors, save_tensors
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab

MakeSaved = Callable[..., SavedModel]
SavedFolder = Callable[[Kind], Path]
KINDS: list[Kind] = ["language-model", "classifier", "encoder"]


def answers(model: Model) -> Tensor:
    tokens = torch.arange(2, 12).view(2, 5)
    with torch.no_grad():
        if isinstance(model, TextClassifier):
            return model(tokens, torch.tensor([5, 3]))
        if isinstance(model, LanguageModel):
            return model.logits(model(tokens).dropped)
        return model(tokens).hidden


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    change(config)
    # With its checksum, as somebody would who means it.
    (folder / "config.json").write_text(json.dumps(sealed(config)), "utf-8")


# ---- there and back ------------------------------------------------------------------------


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


# ---- pickles -------------------------------------------------------------------------------


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_the_trap_works(protocol: int, tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung"), protocol=protocol))
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("model.safetensors", 0),
        ("model.safetensors", 5),
        ("extra.pkl", 0),
        ("EXTRA.PT", 4),
        ("training_args.bin", 2),
        ("without_suffix", 2),
        ("notes.txt", 4),
        ("sub/weights", 5),
        ("config.json", 4),
        ("config.json", 0),
        ("tokenizer.json", 4),
        ("tokenizer.json", 0),
        ("metrics.json", 4),
        ("metrics.json", 0),
    ],
)
def test_a_pickle_is_refused_and_never_opened(
    name: str, protocol: int, saved_folder: SavedFolder, tmp_path: Path
) -> None:
    folder = saved_folder("classifier")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung"), protocol=protocol))
    with pytest.raises(FileFormatError, match=Path(name).name):
        load_model(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_of_torch_save_under_our_name_are_refused(
    zipped: bool, saved_folder: SavedFolder, tmp_path: Path
) -> None:
    folder = saved_folder("encoder")
    torch.save(
        Trap(tmp_path / "sprung"),
        folder / "model.safetensors",
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(FileFormatError, match="looks like a pickle"):
        load_model(folder)
    assert not (tmp_path / "sprung").exists()


# ---- damaged and foreign folders -----------------------------------------------------------


def test_a_missing_folder_and_one_of_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no model folder"):
        load_model(tmp_path / "m")
    (tmp_path / "pictures.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(FileFormatError, match=r"no config\.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(name: str, saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    (folder / name).unlink()
    with pytest.raises(FileFormatError, match=name):
        load_model(folder)


@pytest.mark.parametrize("place", [0, 12, -1])
def test_altered_weights_are_refused(place: int, saved_folder: SavedFolder) -> None:
    file = saved_folder("classifier") / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(FileFormatError, match="altered"):
        load_model(file.parent)


def test_truncated_weights_are_refused(saved_folder: SavedFolder) -> None:
    file = saved_folder("classifier") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(FileFormatError, match="cut short"):
        load_model(file.parent)


def test_weights_of_another_folder_are_refused(
    saved_folder: SavedFolder, make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = saved_folder("encoder")
    tensors = load_tensors(folder / "model.safetensors")
    save_tensors(folder / "model.safetensors", {name: t + 1 for name, t in tensors.items()})
    with pytest.raises(FileFormatError, match="from another folder"):
        load_model(folder)


def test_a_tokenizer_of_another_model_is_refused(
    saved_folder: SavedFolder, make_vocab: Callable[..., Vocab]
) -> None:
    folder = saved_folder("classifier")
    Tokenizer(make_vocab(("film", "the", "was", "good", "bad", "."))).save(
        folder / "tokenizer.json"
    )
    with pytest.raises(FileFormatError, match="not the tokenizer this model was trained with"):
        load_model(folder)


def test_a_newer_format_asks_for_a_newer_version(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: c.update(format_version=5))
    with pytest.raises(FileFormatError, match="newer Steadfit"):
        load_model(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_than_asked_for_is_named(kind: Kind, saved_folder: SavedFolder) -> None:
    for wanted in KINDS:
        if wanted != kind:
            with pytest.raises(FileFormatError, match=f"{kind}, but {wanted} is needed"):
                load_model(saved_folder(kind), wanted)


HOSTILE = {
    "format": ["other", None, 3],
    "format_version": ["1", None, -1, 1.5, True, [1]],
    "kind": ["transformer", None, ["classifier"], {}],
    "architecture": ["GPT", None],
    "backwards": ["false", 1, None],
    "classes": [None, "ab", ["a"], ["a", "a"], ["a", 3], ["a", "b", "c"], {"a": 1, "b": 2}],
    "reading": [None, {}, {"bptt": "70", "grad_tokens": 5}, {"bptt": 70, "grad_tokens": 0},
                {"bptt": 10**30, "grad_tokens": 5}, {"bptt": 1, "grad_tokens": 5, "x": 1}, []],
    "head_bias": [None, 0, "no", False],
    "numbers": [None, 3, "float8", ["float16"], "float32 "],
    "tokenizer_fingerprint": [None, 3, "0" * 64],
    "weights_sha256": [None, 3, "0" * 64],
    "model": [None, [], {}, "x"],
}  # fmt: skip
HOSTILE_SIZES = {
    "vocab_size": ["15", -1, 0, 14, 10**12, 2**24, 15.0, None],
    "emb_sz": ["4", -4, 0, 5, 10**30, 2**24, [4]],
    "n_hid": ["6", -6, 7, 2**24, 2**63],
    "n_layers": ["3", 0, -3, 2, 10**9, 2**24],
    "pad_token": ["1", -1, 15, 10**30],
    "embed_p": ["0.1", 1.0, -0.1, float("nan"), float("inf"), None],
    "tie_weights": ["yes", 1, None],
    "out_bias": [0],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in HOSTILE.items() for v in vs])
def test_hostile_settings_are_refused(key: str, value: object, saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: c.update({key: value}))
    with pytest.raises(FileFormatError):
        load_model(folder)


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in HOSTILE_SIZES.items() for v in vs])
def test_hostile_sizes_are_refused_before_memory_is_taken(
    key: str, value: object, saved_folder: SavedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: c["model"].update({key: value}))
    build = model_folder._build

    def only_meta(*arguments: Any) -> Model:
        model = build(*arguments)
        assert all(p.is_meta for p in model.parameters()), "memory was taken"
        return model

    monkeypatch.setattr(model_folder, "_build", only_meta)
    with pytest.raises(FileFormatError):
        load_model(folder)


@pytest.mark.parametrize("key", [*HOSTILE, *HOSTILE_SIZES])
def test_a_setting_that_is_missing_is_refused_or_has_a_default(
    key: str, saved_folder: SavedFolder
) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: (c if key in c else c["model"]).pop(key))
    if key in ("backwards", "weights_sha256", "head_bias"):
        assert load_model(folder).backwards is (key != "backwards")
    else:
        with pytest.raises(FileFormatError):
            load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_json_that_is_none_is_refused(name: str, text: bytes, saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    (folder / name).write_bytes(text)
    with pytest.raises(FileFormatError, match=name):
        load_model(folder)


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
