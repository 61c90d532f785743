"""Archives, XML and pictures that are larger, deeper or elsewhere than they say."""

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from documents.errors import CorruptFile, EncryptedFile, TooLarge
from documents.reading.bounds import NESTED, markup, pictures
from documents.reading.bounds.archives import Archive, Budget, inside
from documents.reading.limits import MEGABYTE

HOSTILE = Path(os.environ.get("CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora")) / "hostile"


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return file


def names(opened: Archive) -> list[str]:
    return [str(member.path) for member in opened.members()]


def hostile(name: str) -> io.BytesIO:
    if not (HOSTILE / name).is_file():
        pytest.skip("The collection of hostile files is not here.")
    return io.BytesIO((HOSTILE / name).read_bytes())


def test_what_is_in_bounds_is_unpacked() -> None:
    opened = Archive(archive({"a.txt": b"one", "b/c.txt": b"two", "b/": b""}), Budget())
    assert {str(member.path): opened.read(member) for member in opened.members()} == {
        "a.txt": b"one",
        "b/c.txt": b"two",
    }


def test_what_comes_out_is_counted_over_all_members() -> None:
    opened = Archive(archive({str(number): bytes(MEGABYTE) for number in range(9)}), Budget(total=4 * MEGABYTE))
    with pytest.raises(TooLarge):
        [opened.read(member) for member in opened.members()]


def test_one_member_may_only_be_so_large() -> None:
    opened = Archive(archive({"large": bytes(3 * MEGABYTE)}), Budget(largest=2 * MEGABYTE))
    with pytest.raises(TooLarge):
        opened.read(next(opened.members()))


def test_there_may_only_be_so_many_members() -> None:
    with pytest.raises(TooLarge):
        Archive(archive({str(number): b"" for number in range(11)}), Budget(members=10))


def test_archives_within_archives_share_one_account_and_end_somewhere() -> None:
    inner = archive({"x": bytes(MEGABYTE)}).getvalue()
    opened = Archive(archive({"inner.zip": inner, "again.zip": inner}), Budget(total=MEGABYTE + 100_000))
    first, second = (opened.inner(opened.read(member)) for member in opened.members())
    assert len(first.read(next(first.members()))) == MEGABYTE
    with pytest.raises(TooLarge):
        second.read(next(second.members()))
    content = b""
    for _ in range(4):
        content = archive({"deeper.zip": content}).getvalue()
    deep = Archive(io.BytesIO(content), Budget())
    for _ in range(2):
        deep = deep.inner(deep.read(next(deep.members())))
    deepest = deep.read(next(deep.members()))
    with pytest.raises(TooLarge):
        deep.inner(deepest)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("plain.txt", "plain.txt"),
        ("folder/plain.txt", "folder/plain.txt"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Windows\\system.ini", "Windows/system.ini"),
        ("a/../../b", "a/b"),
        ("a/./b", "a/b"),
        ("in\u202evoice\x00.txt", "invoice.txt"),
        (".. /x", "x"),
        ("...", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_name_stays_inside(written: str, kept: str | None) -> None:
    found = inside(written)
    assert (str(found) if found else None) == kept


def test_links_are_left_out() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        written.writestr(link, "/etc/passwd")
        written.writestr("file", "words")
    assert names(Archive(file, Budget())) == ["file"]


def test_a_member_with_a_password_is_said_to_have_one() -> None:
    content = bytearray(archive({"a.txt": b"words"}).getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = content.index(signature) + offset
        content[position] |= 1
    opened = Archive(io.BytesIO(content), Budget())
    with pytest.raises(EncryptedFile):
        opened.read(next(opened.members()))


def test_a_bad_member_does_not_cost_the_good_ones() -> None:
    content = bytearray(archive({"bad": b"some words", "good": b"other words"}, zipfile.ZIP_STORED).getvalue())
    content[content.index(b"some words")] ^= 1
    opened = Archive(io.BytesIO(content), Budget())
    bad, good = opened.members()
    with pytest.raises(CorruptFile):
        opened.read(bad)
    assert opened.read(good) == b"other words"


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"PK\x05\x06" + bytes(18), os.urandom(2000)],
    ids=["nothing", "two letters", "no entry", "noise"],
)
def test_what_is_no_archive_is_refused_or_empty(content: bytes) -> None:
    try:
        opened = Archive(io.BytesIO(content), Budget())
    except CorruptFile:
        return
    assert names(opened) == []


@pytest.mark.parametrize(
    ("name", "error"),
    [("zip/bomb-flat-2gb.zip", TooLarge), ("zip/bomb-lying-size.zip", CorruptFile), ("zip/bad-crc.zip", CorruptFile)],
)
def test_hostile_archives_are_stopped(name: str, error: type[Exception]) -> None:
    opened = Archive(hostile(name), Budget())
    with pytest.raises(error):
        [opened.read(member) for member in opened.members()]


def test_a_hostile_archive_keeps_its_good_member() -> None:
    opened = Archive(hostile("zip/slip-dotdot.zip"), Budget())
    assert "good.txt" in names(opened)
    assert not any(".." in name or name.startswith("/") for name in names(opened))


def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("A secret.")
    for root in (
        markup.parse(b'<!DOCTYPE r [<!ENTITY x "lol">]><r>green &x;</r>'),
        markup.parse(f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]><r>green &x;</r>'.encode()),
        markup.parse(f'<!DOCTYPE r [<!ENTITY % x SYSTEM "file://{secret}"> %x;]><r>green </r>'.encode()),
    ):
        assert words_of(root) == "green "


def words_of(root: Any) -> str:
    return "".join(element.text or "" for element in root.iter("*"))


def test_markup_that_grows_without_end_is_refused() -> None:
    letters = "abcdefghij"
    grow = "".join(f'<!ENTITY {letters[n + 1]} "{f"&{letters[n]};" * 10}">' for n in range(9))
    with pytest.raises(TooLarge):
        markup.parse(f'<!DOCTYPE l [<!ENTITY a "lol">{grow}]><l>words &j;</l>'.encode())
    with pytest.raises(TooLarge):
        markup.parse(hostile("xml/billion-laughs.xml").getvalue())


def test_hostile_markup_reads_no_file_of_ours() -> None:
    root = markup.parse(hostile("xml/xxe-file.xml").getvalue())
    assert words_of(root) == "The colour of the door is green."


def test_markup_that_is_too_deep_is_said_to_be() -> None:
    with pytest.raises(CorruptFile) as caught:
        markup.parse(b"<a>" * 100_000 + b"</a>" * 100_000)
    assert caught.value.text == NESTED


@pytest.mark.parametrize("content", [b"", b"<a>", b"\x00", b"<a/>" * 2, b"<?xml?><a/>"])
def test_markup_that_is_broken_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptFile):
        markup.parse(content)


def png(width: int, height: int) -> bytes:
    """Only the beginning: no pixel of it is there."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((13, b"IHDR" + header), (99, b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk)) for length, chunk in chunks
    )


@pytest.mark.parametrize(("width", "height"), [(10_001, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_vast_picture_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    with pytest.raises(TooLarge):
        pictures.measure(io.BytesIO(png(width, height)))


def saved(save: Callable[[io.BytesIO], None]) -> io.BytesIO:
    file = io.BytesIO()
    save(file)
    return file


def test_ordinary_pictures_are_measured() -> None:
    plain = Image.new("RGB", (30, 20))
    assert pictures.measure(saved(lambda file: plain.save(file, "JPEG"))) == (30, 20, 1)
    frames = [Image.new("L", (9, 9), shade) for shade in range(3)]
    moving = saved(lambda file: frames[0].save(file, "GIF", save_all=True, append_images=frames[1:]))
    assert pictures.measure(moving) == (9, 9, 3)


def test_a_picture_of_too_many_frames_is_refused() -> None:
    frames = [Image.new("L", (2, 2), shade % 256) for shade in range(pictures.MOST_FRAMES + 1)]
    moving = saved(lambda file: frames[0].save(file, "GIF", save_all=True, append_images=frames[1:]))
    with pytest.raises(TooLarge):
        pictures.measure(moving)


@pytest.mark.parametrize("name", ["img/png-30000x30000.png", "img/gif-named-5000-frames.jpg"])
def test_hostile_pictures_are_refused(name: str) -> None:
    with pytest.raises(TooLarge):
        pictures.measure(hostile(name))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"not a picture", png(9, 9)[:20]])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptFile):
        pictures.measure(io.BytesIO(content))
