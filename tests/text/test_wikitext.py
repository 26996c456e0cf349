"""WikiText-103 and the weights trained on it: laid out in small, and nothing in them is run."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from dataclasses import replace

import pytest

from steadfit.core.errors import DataError
from steadfit.text.archive_sets import ArchiveSet, get
from steadfit.text.download import Patience
from steadfit.text.wikitext import WIKITEXT_103, WT103_BWD, WT103_FWD
from tests.text.set_folders import documents, names

QUICK = Patience(timeout=5.0, tries=3, pause=0.001)
ARTICLES = {
    "train": [
        " \n = One = \n \n Text \n = 3 = \n = = Part = = \n \n more \n",
        " \n = Two = 2 = \n \n b \n",
    ],
    "valid": [" \n = Three = \n \n c <unk> @-@ \n \n"],
    "test": [" \n = Ünï = \n \n d \n"],
}


@pytest.fixture
def wikitext(server) -> ArchiveSet:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("wikitext-103/", "")
        for part, articles in ARTICLES.items():
            archive.writestr(f"wikitext-103/wiki.{part}.tokens", "".join(articles))
    content = out.getvalue()
    source = replace(
        WIKITEXT_103.sources[0],
        urls=(server.base + "/gone", server.serve("/zip", content)),
        md5=hashlib.md5(content).hexdigest(),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return replace(WIKITEXT_103, sources=(source,))


def test_wikitext_becomes_a_file_an_article(home, server, wikitext):
    path = get(wikitext, patience=QUICK)
    assert path == home / "data" / "wikitext-103"
    assert names(path) == ["manifest.json", "test", "train", "valid"]
    assert server.log == [("/gone", None), ("/zip", None)]
    for part, articles in ARTICLES.items():
        found = [(path / part / name).read_bytes().decode() for name in names(path / part)]
        assert "".join(found) == "".join(articles)
        assert [text.split(" = ")[1] for text in found] == [
            text.split(" = ")[1] for text in articles
        ]
    assert documents(path).keys() == {
        "train/00000.txt", "train/00001.txt", "valid/00000.txt", "test/00000.txt",
    }  # fmt: skip


def test_a_wikitext_archive_without_its_parts_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("wikitext-103/wiki.train.tokens", "x")
    with pytest.raises(DataError, match="not three"):
        WIKITEXT_103.write(tmp_path / "a.zip", tmp_path / "out", {})


@pytest.mark.parametrize("data", [WT103_FWD, WT103_BWD])
def test_pretrained_weights_are_stored_and_never_opened(home, server, tar_gz, data):
    bomb = b"cos\nsystem\n(S'exit 1'\ntR."  # would run a program if it were read as a pickle
    weights = random.Random(0).randbytes(1000)
    content = tar_gz((f"{data.name}/lstm_wt103.pth", weights), (f"{data.name}/itos.pkl", bomb))
    source = replace(
        data.sources[0],
        urls=(server.serve("/tgz", content),),
        size=len(content),
        md5_of_first_mib=hashlib.md5(content).hexdigest(),
    )
    path = get(replace(data, sources=(source,)))
    lstm = data.name.replace("wt103-", "lstm_")
    assert names(path) == ["itos_wt103.pkl", f"{lstm}.pth", "manifest.json"]
    assert (path / f"{lstm}.pth").read_bytes() == weights
    assert (path / "itos_wt103.pkl").read_bytes() == bomb
    (path / f"{lstm}.pth").write_bytes(b"")
    with pytest.raises(DataError, match="not as it was laid out"):
        get(replace(data, sources=(source,)))
    get(replace(data, sources=(source,)), force=True)
    assert (path / f"{lstm}.pth").read_bytes() == weights


@pytest.mark.parametrize("members", [["a.pth"], ["a.pkl"], ["a.pth", "b.pth", "a.pkl"], []])
def test_other_files_than_weights_and_words_are_refused(tmp_path, tar_gz, members):
    (tmp_path / "a.tgz").write_bytes(tar_gz(*((name, b"x") for name in members)))
    with pytest.raises(DataError):
        WT103_FWD.write(tmp_path / "a.tgz", tmp_path / "out", WT103_FWD.counts)
