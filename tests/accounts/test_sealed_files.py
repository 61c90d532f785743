"""Files in sealed chunks: read from anywhere, and not to be rearranged."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.encryption.errors import Forged
from accounts.encryption.files import CHUNK, SealedReader, SealedSpool, file_key, sealed_parts

KEY = b"f" * 32
HEAD, STORED = 36, CHUNK + 16

SIZES = st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7, 5 * CHUNK])


def content_of(size: int) -> bytes:
    return bytes(number * 7 % 251 for number in range(1000)) * (size // 1000) + b"z" * (size % 1000)


def stored(content: bytes, *, name: str = "name", parts: int = 1) -> bytes:
    step = max(1, len(content) // parts)
    pieces = [content[begin : begin + step] for begin in range(0, len(content), step)]
    return b"".join(sealed_parts(pieces, KEY, name))


def opened(data: bytes, *, name: str = "name") -> SealedReader:
    file = io.BytesIO(data)
    return SealedReader(file, file_key(file, KEY, name))


@given(SIZES, st.integers(min_value=1, max_value=9))
@settings(max_examples=40)
def test_content_comes_back_however_it_was_handed_over(size: int, parts: int) -> None:
    content = content_of(size)
    with opened(stored(content, parts=parts)) as reader:
        assert reader.size == size
        assert reader.read() == content
        assert reader.read(1) == b""


@given(SIZES, st.lists(st.tuples(st.integers(0, 5 * CHUNK), st.integers(0, 2 * CHUNK)), max_size=20))
@settings(max_examples=40)
def test_any_part_can_be_read_in_any_order(size: int, looks: list[tuple[int, int]]) -> None:
    content = content_of(size)
    plain, sealed = io.BytesIO(content), opened(stored(content))
    for place, length in looks:
        assert plain.seek(place) == sealed.seek(place)
        assert plain.read(length) == sealed.read(length)
        assert plain.tell() == sealed.tell()
    assert plain.seek(0, io.SEEK_END) == sealed.seek(0, io.SEEK_END)


def test_a_part_is_read_without_the_rest() -> None:
    read: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(size)
            read.append(len(found))
            return found

    file = Counting(stored(content_of(100 * CHUNK)))
    reader = SealedReader(file, file_key(file, KEY, "name"))
    reader.seek(50 * CHUNK + 5)
    reader.read(10)
    assert sum(read) <= HEAD + 2 * STORED


def test_nothing_of_the_content_is_seen_and_no_two_files_are_alike() -> None:
    content = b"a recognisable sentence. " * 10_000
    first, second = stored(content), stored(content)
    assert b"recognisable" not in first
    assert first[HEAD:] != second[HEAD:]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[: HEAD + STORED],  # the last chunk is gone
        lambda data: data[: HEAD + STORED + 16],
        lambda data: data[:HEAD],
        lambda data: data[:10],
        lambda data: data + b"\0",
        lambda data: data[:HEAD] + data[HEAD + STORED :],  # the first chunk is gone
        lambda data: (
            data[:HEAD]
            + data[HEAD + STORED : HEAD + 2 * STORED]
            + data[HEAD : HEAD + STORED]
            + data[HEAD + 2 * STORED :]
        ),
        lambda data: data[: HEAD + STORED] + data[HEAD:],  # one is doubled
        lambda data: data[:HEAD] + bytes([data[HEAD] ^ 1]) + data[HEAD + 1 :],
        lambda data: data[:4] + bytes([data[4] ^ 1]) + data[5:],
        lambda data: stored(content_of(2 * CHUNK + 100))[: HEAD + STORED] + data[HEAD + STORED :],  # mixed with another
    ],
)
def test_whatever_is_moved_cut_or_changed_is_found(change: object) -> None:
    data = stored(content_of(2 * CHUNK + 100))
    with pytest.raises(Forged):
        opened(change(data)).read()  # type: ignore[operator]


def test_a_file_under_another_name_is_refused() -> None:
    with pytest.raises(Forged):
        opened(stored(b"content", name="one"), name="other")


@given(SIZES, st.integers(min_value=1, max_value=3 * CHUNK))
@settings(max_examples=40)
def test_a_spool_gives_back_what_it_took(size: int, step: int) -> None:
    content = content_of(size)
    with SealedSpool(in_memory=CHUNK) as spool:
        for begin in range(0, size, step):
            spool.write(content[begin : begin + step])
        assert spool.tell() == size
        spool.seek(0)
        assert spool.read() == content
        assert spool.is_in_memory == (size <= CHUNK)
        spool.seek(size // 2)
        assert spool.read(10) == content[size // 2 : size // 2 + 10]


def test_a_spool_has_no_name_and_no_plain_bytes_on_disk(tmp_path: Path) -> None:
    phrase = b"a recognisable sentence. "
    with SealedSpool(in_memory=0, folder=tmp_path) as spool:
        spool.write(phrase * 20_000)
        spool.seek(0)
        assert list(tmp_path.iterdir()) == []
        assert spool._sealed is not None
        on_disk = os.pread(spool._sealed.file.fileno(), 1_000_000, 0)
        assert len(on_disk) > len(phrase) * 20_000
        assert b"recognisable" not in on_disk
        assert spool.read() == phrase * 20_000


def test_a_spool_that_was_read_takes_no_more() -> None:
    spool = SealedSpool()
    spool.write(b"some")
    spool.seek(0)
    assert spool.read() == b"some"
    with pytest.raises(io.UnsupportedOperation):
        spool.write(b"more")
