from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from steadfit.core.errors import FileFormatError
from steadfit.files.tensors import (
    load_tensors,
    load_weights,
    looks_like_pickle,
    save_tensors,
    without_ties,
)


class Tied(nn.Module):
    def __init__(self, words: int = 5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 3)
        self.decoder = nn.Linear(3, words)
        self.decoder.weight = self.embedding.weight
        self.register_buffer("steps", torch.tensor(4))


def test_tensors_come_back_to_the_bit_whatever_their_type_and_strides(tmp_path: Path) -> None:
    whole = torch.randn(4, 6)
    tensors = {
        "float": whole,
        "transposed": whole.T,
        "part": whole[1:3],  # starts elsewhere in the same memory
        "head": whole[:2],  # starts at the same place
        "short": torch.randn(3).bfloat16(),
        "wide": torch.randn(2, dtype=torch.float64),
        "count": torch.tensor(3),
        "none": torch.zeros(0, 2),
        "nothing": torch.zeros(0, 3),
    }
    save_tensors(tmp_path / "a.safetensors", tensors)
    loaded = load_tensors(tmp_path / "a.safetensors")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_a_tied_weight_is_written_once_and_still_tied_when_read(tmp_path: Path) -> None:
    model, other = Tied(), Tied()
    save_tensors(tmp_path / "a", without_ties(model.state_dict()))
    assert set(load_tensors(tmp_path / "a")) == {"embedding.weight", "decoder.bias", "steps"}
    load_weights(other, tmp_path / "a")
    assert other.decoder.weight is other.embedding.weight
    for got, expected in zip(other.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("decoder.bias"), "decoder.bias is missing"),
        (lambda t: t.pop("embedding.weight"), "embedding.weight is missing"),
        (lambda t: t.update(extra=torch.zeros(1)), "extra is not known"),
        (lambda t: t.update({"decoder.bias": torch.zeros(7)}), r"shape \(7,\) instead of \(5,\)"),
        (lambda t: t.update({"decoder.bias": torch.zeros(5).int()}), "decoder.bias holds"),
    ],
)
def test_weights_of_another_model_are_named_and_change_nothing(
    change, message: str, tmp_path: Path
) -> None:
    tensors = dict(Tied().state_dict())
    del tensors["decoder.weight"]
    change(tensors)
    save_tensors(tmp_path / "a", tensors)
    model = Tied()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(FileFormatError, match=message):
        load_weights(model, tmp_path / "a")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("kept", [0, 3, 8, 20, -1])
def test_a_file_cut_short_is_refused(kept: int, tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", {"x": torch.randn(10)})
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:kept])
    with pytest.raises(FileFormatError, match="cut short or altered"):
        load_tensors(tmp_path / "a")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no weights file"):
        load_tensors(tmp_path / "a")


@pytest.mark.parametrize("size", [640, 896, 1152, 1408, 19280])
def test_a_header_whose_length_looks_like_a_pickle_is_no_pickle(size: int, tmp_path: Path) -> None:
    # The first bytes of a safetensors file are the length of its header: 640 is 0x0280, the
    # opening of a pickle of protocol 2, and 19280 is "PK".
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    path = tmp_path / "a.safetensors"
    path.write_bytes(size.to_bytes(8, "little") + header.ljust(size).encode() + bytes(4))
    assert not looks_like_pickle(path)
    assert load_tensors(path)["x"].tolist() == [0.0]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_and_archives_are_told_by_their_first_bytes(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(pickle.dumps({"x": 1}, protocol=protocol))
    assert looks_like_pickle(path)
    torch.save({"x": torch.zeros(1)}, path)
    assert looks_like_pickle(path)
    torch.save({"x": torch.zeros(1)}, path, _use_new_zipfile_serialization=False)
    assert looks_like_pickle(path)
