"""Archives: unpacked as they are, or refused before anything is written outside the folder."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text import archives
from steadfit.text.archives import Limits, unpack

LIMITS = Limits(members=10, size=200_000)
FILES = {"set/a.txt": b"alpha", "set/sub/b.txt": "béta\r\n".encode(), "set/empty": b""}


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], kind: int = zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def header(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.fixture
def unpacked(tmp_path):
    """Unpack an archive given as bytes; return what is in the folder then."""

    def call(content: bytes, place=lambda name: name, limits: Limits = LIMITS) -> dict[str, bytes]:
        outer = tmp_path / os.urandom(8).hex()
        outer.mkdir()
        archive, folder = outer / "archive", outer / "folder"
        archive.write_bytes(content)
        before = sorted(tmp_path.rglob("*"))
        try:
            sizes = unpack(archive, folder, place, limits)
        finally:
            outside = [path for path in tmp_path.rglob("*") if folder not in path.parents]
            assert sorted({*outside} - {folder}) == before
            assert not any(path.is_symlink() for path in folder.rglob("*"))
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert sizes == {name: len(data) for name, data in found.items()}
        return found

    return call


@pytest.mark.parametrize("kind", ["tar", "pax", "zip", "stored"])
def test_what_is_in_the_archive_comes_out(unpacked, tar_gz, kind):
    files = {**FILES, "set/" + "long" * 40 + ".txt": b"x"}
    if kind in ("zip", "stored"):
        packing = zipfile.ZIP_DEFLATED if kind == "zip" else zipfile.ZIP_STORED
        content = zipped(("set/", b""), *files.items(), kind=packing)
    else:
        content = tar_gz(header("./set", tarfile.DIRTYPE), *files.items())
    assert unpacked(content) == files


def test_members_go_where_they_are_placed_and_others_are_left_out(unpacked, tar_gz):
    found = unpacked(tar_gz(*FILES.items()), {"set/a.txt": "x/y.txt"}.get)
    assert found == {"x/y.txt": b"alpha"}
    (unpacked_zip,) = unpacked(zipped(*FILES.items()), {"set/a.txt": "z.txt"}.get).keys() - found
    assert unpacked_zip == "z.txt"


NAMES = [
    "../a", "a/../../b", "a/..", "/etc/a", "//host/a", "..\\a", "C:\\a", "C:a", "a/.. /b",
    "a/.../b", "a\nb", "\udcff", "nul", "sub/COM1.txt", "a//b", "",
]  # fmt: skip


@pytest.mark.parametrize("place", [lambda name: name, lambda name: None])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused_also_when_left_out(unpacked, tar_gz, name, place):
    with pytest.raises(DataError, match="could leave the folder"):
        unpacked(tar_gz(("ok", b""), (name, b"x")), place)
    if name and name != "\udcff":  # zipfile itself neither writes nor reads such an archive
        with pytest.raises(DataError, match="could leave the folder"):
            unpacked(zipped(("okay", b""), (name, b"x")), place)


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CONTTYPE,
        b"Z",
    ],
)
def test_a_link_or_device_is_refused(unpacked, tar_gz, kind):
    with pytest.raises(DataError, match="'bad' is a link, a device"):
        unpacked(tar_gz(header("bad", kind, "/etc/passwd"), ("bad/x", b"x")))


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010666, 0o140666])
def test_a_link_or_device_in_a_zip_is_refused(unpacked, mode):
    info = zipfile.ZipInfo("bad")
    info.external_attr = mode << 16
    with pytest.raises(DataError, match="'bad' is a link"):
        unpacked(zipped((info, b"/etc/passwd")))


@pytest.mark.parametrize(
    ("first", "second"), [("a.txt", "a.txt"), ("A.txt", "a.TXT"), ("caf\u00e9", "cafe\u0301")]
)
def test_two_members_for_one_file_are_refused(unpacked, tar_gz, first, second):
    with pytest.raises(DataError, match="two members"):
        unpacked(tar_gz((first, b"1"), (second, b"2")))
    with pytest.raises(DataError, match="two members"):
        unpacked(tar_gz(("1", b""), ("2", b"")), lambda name: "same")


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("x" * 300,)])
def test_names_that_cannot_be_files_are_refused(unpacked, tar_gz, names):
    members = [(name, b"x") for name in names]
    for content in (tar_gz(*members), zipped(*members)):
        with pytest.raises(DataError, match="the member"):
            unpacked(content)


def test_a_place_outside_the_folder_is_refused(unpacked, tar_gz):
    with pytest.raises(DataError, match="could leave the folder"):
        unpacked(tar_gz(("a", b"1")), lambda name: "../a")


@pytest.mark.parametrize("left_out", [False, True])
def test_zeros_without_end_are_refused(unpacked, tar_gz, left_out):
    place = (lambda name: None) if left_out else (lambda name: name)
    zeros = bytes(300_000)
    for content in (tar_gz(("a", zeros)), zipped(("a", zeros)), gzip.compress(zeros)):
        with pytest.raises(DataError, match="more than 200,000 bytes"):
            unpacked(content, place)
        # as much, but grown too much from what was packed
        with pytest.raises(DataError, match="more than 104,857 bytes"):
            unpacked(content, place, Limits(members=10, size=10**9, ratio=0.1))


def test_zeros_behind_the_last_member_are_refused(unpacked, tar_gz):
    with pytest.raises(DataError, match="more than 200,000 bytes"):
        unpacked(tar_gz(("a", b"x")) + gzip.compress(bytes(300_000)))


def test_too_many_members_are_refused(unpacked, tar_gz):
    members = [(f"{number}", b"") for number in range(11)]
    for content in (tar_gz(*members), zipped(*members)):
        with pytest.raises(DataError, match="more than 10 members"):
            unpacked(content, lambda name: None)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_are_not_read_however_long_they_say_they_are(unpacked, kind):
    """And not nested without end."""
    long = header("h", kind, size=1 << 30).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(DataError, match="header of more than 65,536 bytes"):
        unpacked(gzip.compress(long + bytes(100_000)))
    nested = header("h", kind, size=0).tobuf(tarfile.GNU_FORMAT) * 2_000
    with pytest.raises(DataError, match="is broken"):
        unpacked(gzip.compress(nested), limits=Limits(members=10, size=10**8, ratio=10**4))


def test_a_negative_size_is_refused(unpacked):
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, b"Z"):
        block = bytearray(header("a", kind).tobuf(tarfile.GNU_FORMAT))
        block[124:136] = b"\xff" * 10 + b"\xf0\x00"  # base 256: -4096
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        with pytest.raises(DataError):
            unpacked(gzip.compress(bytes(512) * 0 + bytes(block) + bytes(5_000)))


def test_what_is_no_archive_is_refused(unpacked):
    for content in (b"", b"hello", b"\x80\x04.", b"BZh9", b"\x1f\x8b", b"PK\x03\x04"):
        with pytest.raises(DataError):
            unpacked(content)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("size", [0, 700])
def test_a_header_that_is_broken_does_not_end_the_archive(unpacked, tar_gz, number, size):
    content = bytearray(gzip.decompress(tar_gz(*((f"{n}.txt", bytes(size)) for n in range(5)))))
    content[number * (512 + -(-size // 512) * 512)] ^= 4
    with pytest.raises(DataError, match="is broken"):
        unpacked(gzip.compress(content))


def test_the_check_sum_of_a_member_that_is_left_out_is_compared(unpacked, tar_gz):
    files = {"in": b"inside " * 9, "out": b"outside " * 9}
    for content in (zipped(*files.items(), kind=zipfile.ZIP_STORED), tar_gz(*files.items())):
        whole = content if content[:2] == b"PK" else gzip.decompress(content)
        damaged = whole.replace(b"outside outside", b"outside outsidE")
        if content is not whole:
            damaged = gzip.compress(damaged, mtime=0)[:-8] + content[-8:]
        with pytest.raises(DataError, match="is broken"):
            unpacked(damaged, {"in": "in"}.get)


def test_an_encrypted_or_oddly_packed_zip_is_refused(unpacked):
    content = zipped(("a", b"text"))
    at = content.index(b"PK\x01\x02")
    for offset, value in ((8, 1), (10, 99)):
        changed = bytearray(content)
        changed[at + offset] = value
        with pytest.raises(DataError, match="'a' is"):
            unpacked(bytes(changed))
    with pytest.raises(DataError, match="way that is not read"):
        unpacked(zipped(("a", b"text"), kind=zipfile.ZIP_LZMA))


def test_a_full_disk_is_not_taken_for_a_broken_archive(unpacked, tar_gz, monkeypatch):
    def full(path: Path, mode: str = "r"):
        if "x" in mode:
            raise OSError(28, "No space left on device")
        return open(path, mode)

    monkeypatch.setattr(archives, "open", full, raising=False)
    for content in (tar_gz(("a", b"x")), zipped(("a", b"x"))):
        with pytest.raises(OSError, match="No space left") as caught:
            unpacked(content)
        assert not isinstance(caught.value, DataError)


@pytest.mark.parametrize("kind", ["tar", "headers", "zip"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_gives_the_same_files_or_is_refused(tmp_path, tar_gz, kind, data):
    files = {name: content * 20 for name, content in FILES.items()}
    content = bytearray(zipped(*files.items()) if kind == "zip" else tar_gz(*files.items()))
    if kind == "headers":
        content = bytearray(gzip.decompress(content))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    archive = tmp_path / "archive"
    archive.write_bytes(gzip.compress(content, 1) if kind == "headers" else content)
    folder = tmp_path / os.urandom(8).hex()
    folder.mkdir()
    try:
        sizes = unpack(archive, folder, lambda name: name, LIMITS)
    except DataError:
        return
    found = [(folder / name).read_bytes() for name in sizes]
    if kind == "tar":
        assert sorted(found) == sorted(files.values())
    if kind == "headers":
        return  # a whole archive of other content; that it stays in the folder is enough
    # The check sums of a zip do not cover the list of its members, so that one may be missing.
    assert set(found) <= set(files.values())
