"""fast.ai's models are fetched when they are named, imported once, and never otherwise."""

from __future__ import annotations

import hashlib
import io
import pickle
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.model_folder import load_model
from steadfit.files.pretrained import installed_models, pretrained_folder
from steadfit.files.transfer import load_encoder, read_pretrained
from steadfit.files.wt103 import FETCHED
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.recurrent import AWDLSTM
from steadfit.notebook.names import model_of
from steadfit.text import datasets
from steadfit.text.datasets import URLs
from steadfit.text.vocab import MARKERS, Vocab
from tests.files.fastai_files import EMB, HID, V1_ITOS, language_model_state
from tests.text import conftest as web

server = web.server
Serve = Callable[..., str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is fetched here, and work in another, empty folder."""
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "home"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


@pytest.fixture
def serve(server: web.Server, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Serve a small model as the archive of a name, in the format that torch had in 2019."""

    def one(name: str, itos: Any = V1_ITOS) -> str:
        weights = io.BytesIO()
        state = {"model": language_model_state(16), "opt": {"state": {}}}
        torch.save(state, weights, _use_new_zipfile_serialization=False)
        archive = web.tar_gz(
            (f"{name}/{name}.pth", weights.getvalue()), (f"{name}/itos.pkl", pickle.dumps(itos))
        )
        known = datasets._ARCHIVES[name]
        source = replace(
            known.sources[0],
            urls=(server.serve(f"/{name}", archive),),
            size=len(archive),
            md5_of_first_mib=hashlib.md5(archive).hexdigest(),
        )
        monkeypatch.setitem(datasets._ARCHIVES, name, replace(known, sources=(source,)))
        return name

    return one


def encoder() -> tuple[AWDLSTM, Vocab]:
    vocab = Vocab([*MARKERS, "good", "new"])
    sizes = {"emb_sz": EMB, "n_hid": HID}
    return AWDLSTM(AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(vocab), 1.0, sizes)), vocab


@pytest.mark.parametrize(("name", "backwards"), [(URLs.WT103_FWD, False), (URLs.WT103_BWD, True)])
def test_a_name_is_fetched_and_imported_once(
    name: str, backwards: bool, serve: Serve, server: web.Server, home: Path
) -> None:
    serve(name)
    model, vocab = encoder()
    assert load_encoder(model, vocab, name, backwards).backwards is backwards
    row = V1_ITOS.index("good")
    expected = language_model_state(16)["0.encoder.weight"][row]
    assert torch.equal(model.embedding.weight[vocab.id("good")], expected)
    assert server.log == [(f"/{name}", None)]
    folder = home / "models" / name
    written = (folder / "config.json").stat().st_mtime_ns
    again = read_pretrained(name, backwards)
    assert again.sizes == {"emb_sz": EMB, "n_hid": HID, "n_layers": 3}
    assert pretrained_folder(name, backwards) == folder
    assert (folder / "config.json").stat().st_mtime_ns == written
    assert server.log == [(f"/{name}", None)]
    assert load_model(folder, "language-model").backwards is backwards


def test_a_learner_takes_the_name(serve: Serve, server: web.Server, tmp_path: Path) -> None:
    name = serve(URLs.WT103_FWD)
    assert model_of(tmp_path / "models", name) == name
    assert server.log == []
    (tmp_path / "models" / name).mkdir(parents=True)
    assert model_of(tmp_path / "models", name) == tmp_path / "models" / name


def test_a_folder_of_the_name_goes_before_it(serve: Serve, server: web.Server) -> None:
    name = serve(URLs.WT103_FWD)
    Path(name).mkdir()
    assert pretrained_folder(name) == Path(name)
    assert server.log == []


@pytest.mark.parametrize(("name", "backwards"), [(URLs.WT103_FWD, True), (URLs.WT103_BWD, False)])
def test_nothing_is_fetched_for_the_other_direction(
    name: str, backwards: bool, serve: Serve, server: web.Server, home: Path
) -> None:
    serve(name)
    (other,) = FETCHED.keys() - {name}
    with pytest.raises(FileFormatError, match=f"{name} reads texts .* that is {other}"):
        read_pretrained(name, backwards)
    assert server.log == []
    assert not home.exists()


def test_no_other_name_opens_a_connection(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("wt103", "WT103-FWD", "base-xx", "wt103_fwd"):
        with pytest.raises(FileFormatError, match="wt103-fwd, wt103-bwd fetch"):
            read_pretrained(name)
    for path in (Path("wt103-fwd"), "./wt103-fwd"):
        with pytest.raises(FileFormatError, match="There is no model folder"):
            read_pretrained(path)
    installed_models()
    assert not home.exists()


def test_an_archive_that_is_no_model_leaves_nothing_and_says_why(
    serve: Serve, server: web.Server, home: Path
) -> None:
    name = serve(URLs.WT103_FWD, itos=["a", "b"])
    for _ in range(2):
        with pytest.raises(FileFormatError, match="no xxunk"):
            read_pretrained(name)
    assert not (home / "models" / name).exists()
    assert server.log == [(f"/{name}", None)]  # what was fetched is kept


def test_without_a_network_the_place_for_the_archive_is_named(
    serve: Serve, server: web.Server, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    name = serve(URLs.WT103_FWD)
    server.turns[f"/{name}"] = [web.Turn(status=404)]
    with pytest.raises(DataError) as failed:
        read_pretrained(name)
    assert str(home / "archives" / f"{name}.tgz") in str(failed.value)
    assert not (home / "models" / name).exists()
