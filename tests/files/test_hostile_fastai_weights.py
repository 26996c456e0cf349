from __future__ import annotations

import collections
import os
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import FileFormatError, SteadfitError
from steadfit.files.fastai_weights import read_fastai
from tests.files.fastai_files import EMB, encoder_state

Write = Callable[..., tuple[Path, Path]]


class Trap:
    """Calls something when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made


def traps(path: Path) -> list[Any]:
    return [
        Trap(Path.touch, path),
        Trap(os.system, f"touch {path}"),
        Trap(eval, f"open({str(path)!r}, 'w')"),
        Trap(exec, f"open({str(path)!r}, 'w')"),
        Trap(open, str(path), "w"),
        Trap(getattr, "a", "upper"),
        Trap(torch.load, str(path)),
        Trap(torch.hub.load, str(path), "x"),
        Trap(torch._utils._rebuild_sparse_tensor, torch.sparse_coo, ()),
        Trap(torch.zeros, 3),
        Trap(collections.Counter, "abc"),
        Trap(collections.deque, "abc"),
        Trap(collections.OrderedDict, [("a", 1)]),
        os.system,
        torch.float32,
    ]


@pytest.mark.parametrize("number", range(len(traps(Path()))))
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("zipped", [True, False])
def test_no_name_outside_the_list_is_called(
    number: int, nested: bool, zipped: bool, write: Write, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    trap = traps(sprung)[number]
    state = {**encoder_state(16), "x": {"deep": [(trap,)]}} if nested else trap
    with pytest.raises(FileFormatError, match=r"nothing in it was run|takes 0 pos"):
        read_fastai(*write(state, zipped=zipped))
    for protocol in (0, 2, 3, 4, 5):
        with pytest.raises(FileFormatError, match="nothing in it was run"):
            read_fastai(*write(encoder_state(16), [trap] if nested else trap, protocol=protocol))
    assert not sprung.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch sprung'\ntR.",
        b"(S'touch sprung'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch sprung\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"\x80\x02]q\x00(h\x00h\x00e.",  # a list that holds itself
        b"\x80\x02cbuiltins\nlist\n)\x81.",
        b"\x80\x02\x82\x01.",  # by a number of the registry of extensions
        b"\x80\x04\x93.",
        b"\x80\x04K\x01K\x02\x93.",
        b"\x80\x02(}.",
        b"\x80\x02}(K\x01u.",
        b"\x80\x02}(]K\x01u.",
        b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0aK\x02u.",
        b"\x80\x02h\x07.",
        b"\x80\x02]r\xff\xff\xff\xff.",  # a memo of four thousand million places
        b"\x80\x02X\xff\xff\xff\x7fabc.",
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"\x80\x04\x8d\0\0\0\0\0\0\0\x10abc.",  # 2**60 bytes of text
        b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
        b"\x80\x02I" + b"9" * 10_000 + b"\n.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f].",
        b"\x80\x02K\x01Q.",
        b"\x80\x02]]b.",
        b"\x80\x02" + b"(" * 100_000 + b".",
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",  # a hundred thousand lists deep
        b".",
        b"\x80\x02]",
        b"\x80\x09]",
        b"",
        b"no pickle",
    ],
)
def test_pickles_made_by_hand_are_refused(content: bytes, write: Write, tmp_path: Path) -> None:
    weights, words = write(encoder_state(16))
    whole = words.read_bytes()
    words.write_bytes(content)
    with pytest.raises(FileFormatError):
        read_fastai(weights, words)
    words.write_bytes(whole)
    weights.write_bytes(content)
    with pytest.raises(FileFormatError):
        read_fastai(weights, words)
    with zipfile.ZipFile(weights, "w") as archive:
        archive.writestr("a/data.pkl", content)
    with pytest.raises(FileFormatError):
        read_fastai(weights, words)
    assert not (tmp_path / "sprung").exists()
    assert not Path("sprung").exists()


def rewritten(
    path: Path, change: Callable[[str, bytes], Sequence[tuple[str, bytes]]], **settings: Any
) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for name, data in members:
            for new_name, new_data in change(name, data):
                archive.writestr(new_name, new_data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n, d: [(n, d), ("../" * n.endswith("pkl") + n, d)], "named"),
        (lambda n, d: [(n, d), (n, d)], "twice"),
        (lambda n, d: [(n, d), ("/etc/passwd", d)], "named"),
        (lambda n, d: [(n, d), ("a/../b", d)], "named"),
        (lambda n, d: [(n, d), ("C:/a", d)], "named"),
        (lambda n, d: [(n, d), ("b/data.pkl", d)], "twice|not one of torch.save"),
        (lambda n, d: [(n, d)] if not n.endswith("data.pkl") else [], "not one of torch.save"),
        (lambda n, d: [(n, d)] if "/data/" not in n else [], "lacks the numbers"),
        (lambda n, d: [(n, d[:-4] if "/data/" in n else d)], "bytes are there"),
        (lambda n, d: [(n, b"big" + d[:3] if n.endswith("byteorder") else d)], "byte order"),
        (lambda n, d: [(n, d + bytes(1 << 24) if n.endswith(".pkl") else d)], "larger than any"),
    ],
)
def test_archives_with_other_members_are_refused(change: Any, message: str, write: Write) -> None:
    weights, words = write(encoder_state(16))
    rewritten(weights, change)
    with pytest.raises(FileFormatError, match=message):
        read_fastai(weights, words)


def test_compressed_archives_are_refused_unopened(write: Write) -> None:
    weights, words = write(encoder_state(16))
    bomb = bytes(1 << 24)
    rewritten(
        weights,
        lambda name, data: [(name, bomb if name.endswith("/data/0") else data)],
        compression=zipfile.ZIP_DEFLATED,
    )
    with pytest.raises(FileFormatError, match="compressed or overlap"):
        read_fastai(weights, words)


@pytest.mark.parametrize("size", [2**20, 2**31, 2**40, 2**62])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_storage_that_is_said_to_be_huge_takes_no_memory(
    size: int, zipped: bool, write: Write
) -> None:
    weights, words = write(encoder_state(16), zipped=zipped)
    number = struct.pack("<BI", 0x4A, 16 * EMB) if 16 * EMB > 255 else bytes([0x4B, 16 * EMB])
    huge = b"\x8a\x08" + struct.pack("<q", size)
    data = weights.read_bytes()
    assert number in data
    if zipped:
        rewritten(
            weights,
            lambda n, d: [(n, d.replace(number, huge) if n.endswith(".pkl") else d)],
        )
    else:
        weights.write_bytes(data.replace(number, huge))
    with pytest.raises(FileFormatError):
        read_fastai(weights, words)


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((16, EMB), (EMB, 1), 1),
        ((16, EMB), (EMB, 2), 0),
        ((2**40, EMB), (0, 0), 0),
        ((16, EMB), (EMB,), 0),
        ((-16, EMB), (EMB, 1), 0),
        ((16, EMB), (-EMB, 1), 60),
        ((16, EMB), (EMB, 1), -1),
        ((16.0, EMB), (EMB, 1), 0),
        ((1,) * 100, (1,) * 100, 0),
        ((2**99, 0), (1, 1), 0),
    ],
)
def test_a_tensor_that_would_reach_beyond_its_numbers_is_refused(
    shape: Any, strides: Any, offset: int, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = encoder_state(16)
    tensor = state["encoder.weight"]
    monkeypatch.setattr(
        torch.Tensor,
        "__reduce_ex__",
        lambda self, _: (
            torch._utils._rebuild_tensor_v2,
            (
                torch.storage.TypedStorage(
                    wrap_storage=self.untyped_storage(), dtype=self.dtype, _internal=True
                ),
                *(
                    (offset, shape, strides)
                    if self is tensor
                    else (self.storage_offset(), tuple(self.size()), self.stride())
                ),
                False,
                collections.OrderedDict(),
            ),
        ),
    )
    weights, words = write(state)
    with pytest.raises(FileFormatError, match="A tensor"):
        read_fastai(weights, words)


@pytest.mark.parametrize("zipped", [True, False])
@hypothesis.settings(
    max_examples=150, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_changed_byte_does_harm(zipped: bool, write: Write, data: st.DataObject) -> None:
    weights, words = write(encoder_state(16), zipped=zipped)
    path = data.draw(st.sampled_from([weights, words]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[place:]
    path.write_bytes(content)
    try:
        saved = read_fastai(weights, words)
    except SteadfitError:
        return
    # The formats are fastai's and have few checksums; what is read still has the right shape.
    assert saved.model.config.emb_sz == EMB
    assert len(saved.tokenizer.vocab) == saved.model.config.vocab_size
