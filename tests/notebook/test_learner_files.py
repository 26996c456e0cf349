"""What learners write and read: nothing lost, nothing pickled, nothing outside its folder."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit import (
    DataError,
    FileFormatError,
    Predictor,
    SteadfitError,
    Vocab,
    Writer,
    load_learner,
)
from steadfit.files.model_folder import load_model, save_model
from steadfit.inference.deviation import Deviation
from tests.files.model_packages import install


def weights(learn: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learn.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_an_exported_classifier_predicts_as_its_learner(clas: Any, tmp_path: Path) -> None:
    learn = clas()
    learn.fit_one_cycle(2, 2e-2)
    texts = ["a great story", "dull " * 90, ""]
    expected = [one.probabilities for one in learn.predict_many(texts)]
    learn.export()
    for predictor in (
        load_learner(tmp_path),
        load_learner(tmp_path / "export"),
        load_learner(tmp_path, "export.pkl"),
        load_learner(tmp_path / "export.pkl"),
    ):
        assert isinstance(predictor, Predictor)
        found = [one.probabilities for one in predictor.predict_many(texts)]
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert predictor.classes == ("neg", "pos")


def test_the_card_says_how_far_int8_is_from_float32(
    clas: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = clas()
    measured: list[list[list[int]]] = []

    def measure(model: Any, documents: Any) -> Deviation | None:
        assert model is learn.model
        measured.append(list(documents))
        return Deviation(8, 7, 0.01234, 0.00056) if len(measured) == 1 else None

    monkeypatch.setattr("steadfit.notebook.text_learners.int8_deviation", measure)
    card = learn.export() / "README.md"
    line = (
        "Read in int8, 7 of 8 validation documents get the same label; probabilities differ by at "
        "most 0.012, 0.00056 on average."
    )
    assert line in card.read_text().splitlines()
    store = learn.data.store
    assert sorted(measured[0]) == sorted(store[row].tolist() for row in store.rows("valid"))
    learn.export()
    assert "Read in int8, " not in card.read_text()
    assert "in int8 was not measured." in card.read_text()


def test_int8_is_compared_in_the_direction_that_a_classifier_reads(
    clas: Any, make_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = clas(make_data(backwards=True))
    read: list[list[int]] = []
    monkeypatch.setattr(
        "steadfit.notebook.text_learners.int8_deviation",
        lambda _, documents: read.extend(documents),
    )
    learn.export()
    store = learn.data.store
    assert sorted(read) == sorted(store[row][::-1].tolist() for row in store.rows("valid"))


def test_an_exported_language_model_writes_as_its_learner(lm: Any, tmp_path: Path) -> None:
    learn = lm()
    learn.fit_one_cycle(1, 1e-2)
    written = learn.predict("the film", n_words=5, seed=1)
    assert written.startswith("the film ")
    assert len(written.split()) == 7
    learn.export("writer")
    writer = load_learner(tmp_path, "writer")
    assert isinstance(writer, Writer)
    assert writer.predict("the film", n_words=5, seed=1) == written
    assert torch.equal(writer.perplexities(["the film"]), learn.perplexities(["the film"]))


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "export.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(FileFormatError, match="was not opened"):
        load_learner(tmp_path / "export.pkl")
    with pytest.raises(FileFormatError, match="was not opened"):
        load_learner(tmp_path, "export.pkl")


def test_an_encoder_is_not_a_learner(lm: Any) -> None:
    folder = lm().save_encoder("enc")
    with pytest.raises(FileFormatError, match="load_encoder"):
        load_learner(folder)


@pytest.mark.parametrize("maker", ["lm", "clas"])
def test_saved_weights_come_back_to_the_bit(maker: str, request: Any) -> None:
    learn = request.getfixturevalue(maker)()
    learn.fit_one_cycle(1, 1e-2)
    learn.save("stage-1")
    before = weights(learn)
    learn.fit_one_cycle(1, 1e-2)
    assert not same(weights(learn), before)
    assert learn.load("stage-1") is learn
    assert same(weights(learn), before)


def test_what_was_saved_otherwise_is_not_loaded(
    clas: Any, lm: Any, make_data: Any, data: Any
) -> None:
    clas().save("saved")
    fewer = make_data(Vocab(data.vocab.itos[:-1]))
    for learn, words in (
        (clas(fewer), "vocabulary"),
        (clas(config={"emb_sz": 6, "n_hid": 8, "n_layers": 2}), "other sizes"),
        (clas(make_data(backwards=True)), "direction"),
        (lm(), "language-model is needed"),
    ):
        before = weights(learn)
        with pytest.raises(SteadfitError, match=words):
            learn.load("saved")
        assert same(weights(learn), before)


def test_an_untied_decoder_is_not_loaded_into_a_tied_one(lm: Any) -> None:
    small = {"emb_sz": 6, "n_hid": 8, "n_layers": 3}
    lm(config={**small, "tie_weights": False}).save("untied")
    with pytest.raises(DataError, match="other sizes"):
        lm().load("untied")


def test_the_encoders_words_are_matched_by_their_text(
    lm: Any, clas: Any, make_data: Any, lm_data: Any
) -> None:
    source = lm()
    source.fit_one_cycle(1, 1e-2)
    source.save_encoder("enc")
    # The vocabulary the other way round behind the markers, without one word, with a new one.
    kept = [word for word in lm_data.vocab.itos[9:] if word != "film"]
    other = Vocab([*lm_data.vocab.itos[:9], *reversed(kept), "unheard"])
    learn = clas(make_data(other))
    learn.load_encoder("enc")
    old, new = source.model.encoder.embedding.weight, learn.model.encoder.embedding.weight
    for word in [*lm_data.vocab.itos[:9], *kept]:
        assert torch.equal(new[other.stoi[word]], old[lm_data.vocab.stoi[word]]), word
    torch.testing.assert_close(new[other.stoi["unheard"]], old.mean(0))
    for mine, theirs in zip(learn.model.encoder.rnns, source.model.encoder.rnns, strict=True):
        assert same(mine.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("maker", ["lm", "clas"])
def test_loading_an_encoder_freezes_all_but_the_last_layer_group(maker: str, request: Any) -> None:
    learn = request.getfixturevalue(maker)()
    learn.save_encoder("enc")
    learn.load_encoder("enc")
    flags = [
        {p.requires_grad for module in group for p in module.parameters()}
        for group in learn.layer_groups
    ]
    assert flags == [{False}] * (len(flags) - 1) + [{True}]


def test_an_encoder_is_found_in_models_first_then_by_its_path(
    clas: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = clas()
    folder = learn.save_encoder("enc.pth")
    assert folder == tmp_path / "models" / "enc"
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "enc").mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    for name in ("enc", "enc.pth", "enc.pkl", folder, str(folder), "../models/enc"):
        learn.load_encoder(name)
    with pytest.raises(FileFormatError, match="model folder"):
        learn.load_encoder("missing")


def test_pretrained_weights_are_taken_from_a_folder_and_frozen(
    lm: Any, clas: Any, lm_data: Any, make_data: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lm()
    source.fit_one_cycle(1, 1e-2)
    folder = source.export("source")
    capsys.readouterr()
    again = lm(pretrained=folder)
    assert same(weights(again), weights(source))
    learn = clas(make_data(lm_data.vocab), pretrained=str(folder))
    assert same(learn.model.encoder.state_dict(), source.model.encoder.state_dict())
    assert capsys.readouterr().out == ""
    trainable = [p.requires_grad for p in learn.model.encoder.parameters()]
    assert not any(trainable)
    with pytest.raises(DataError, match="Nothing is downloaded"):
        lm(pretrained=True)


def test_an_installed_model_is_taken_by_name_with_its_sizes(
    lm: Any, clas: Any, make_data: Any, lm_data: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sizes = {"emb_sz": 5, "n_hid": 7, "n_layers": 2, "tie_weights": False}
    source = lm(config=sizes)
    site = tmp_path / "site"
    saved = load_model(source.export("source"))
    save_model(install(site, "acme", {"acme-en": "acme"}) / "forward", saved)
    monkeypatch.syspath_prepend(site)
    capsys.readouterr()
    again = lm(pretrained="acme-en", config=None)
    assert same(weights(again), weights(source))
    assert again.model.config == source.model.config
    learn = clas(make_data(lm_data.vocab), pretrained="acme-en", config={"n_hid": 7})
    assert same(learn.model.encoder.state_dict(), source.model.encoder.state_dict())
    assert capsys.readouterr().out == ""
    other = clas(make_data(lm_data.vocab), config=sizes)
    other.load_encoder("acme-en")
    assert same(other.model.encoder.state_dict(), source.model.encoder.state_dict())


@pytest.mark.parametrize("maker", ["lm", "clas"])
def test_sizes_that_contradict_the_pretrained_model_are_named(
    maker: str, lm: Any, request: Any
) -> None:
    folder = lm().export("source")
    with pytest.raises(FileFormatError, match=r"n_hid is 8 there and 9 here\. .*leave the sizes"):
        request.getfixturevalue(maker)(pretrained=folder, config={"n_hid": 9})


def test_a_config_without_room_for_the_pretrained_decoder_is_refused(lm: Any) -> None:
    folder = lm(config={"emb_sz": 6, "n_hid": 8, "tie_weights": False}).export("source")
    for name, here in (("tie_weights", True), ("out_bias", False)):
        message = rf"{name} is {not here} there and {here} here\. .*leave these out of config="
        with pytest.raises(FileFormatError, match=message):
            lm(pretrained=folder, config={name: here})


def test_an_encoder_that_is_nowhere_is_looked_for_among_installed_models(clas: Any) -> None:
    with pytest.raises(FileFormatError, match=r"models.missing, and no model 'missing' is install"):
        clas().load_encoder("missing")
    with pytest.raises(FileFormatError, match="no model folder"):
        clas().load_encoder("some/missing")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../out", "a/../../out", "/tmp/out", ".pkl", "a\0b", "../x.pkl"]
)
def test_a_name_cannot_leave_its_folder(clas: Any, tmp_path: Path, name: str) -> None:
    learn = clas()
    before = sorted(tmp_path.parent.rglob("*"))
    for write in (learn.save, learn.save_encoder, learn.export, learn.load):
        with pytest.raises(DataError, match="plain name"):
            write(name)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_fastais_file_endings_become_folders_with_a_notice(
    clas: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = clas()
    capsys.readouterr()
    assert learn.export("model.pkl") == tmp_path / "model"
    assert capsys.readouterr().out == "Nothing is pickled: model is a folder.\n"
    assert learn.save("stage.pth") == tmp_path / "models" / "stage"
    assert not list(tmp_path.rglob("*.pkl")) + list(tmp_path.rglob("*.pth"))


def test_an_export_replaces_no_folder_of_other_things(clas: Any, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear")
    with pytest.raises(SteadfitError, match="not replaced"):
        clas().export("notes")
    assert (tmp_path / "notes" / "diary.txt").read_text() == "dear"
