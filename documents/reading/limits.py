"""How much one file may take. One value for all formats; a test may ask for less."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory` is what a child may take beyond what it began with. Times are in seconds."""

    memory: int = 512 * MEGABYTE
    cpu: int = 600
    wall: float = 3600.0
    # The longest without a page. A page that must be recognised takes up to `recognition`, and there may be a
    # few in a row without text.
    silence: float = 240.0
    recognition: float = 75.0
    pages: int = 5_000
    characters: int = 20_000_000
    page_characters: int = 400_000
    # What a person is told about a file, in sentences.
    remarks: int = 20
    # What a ZIP-based format may unpack to.
    unpacked: int = 300 * MEGABYTE
    # Files that an archive may hold, and the bytes of one of them that go in one message.
    parts: int = 1_000
    piece: int = 16 * MEGABYTE
    # Pages without a text layer that are recognised (seconds each); the others are reported as not read.
    recognised_pages: int = 300
    # What Tesseract may take for a page, and say about it.
    program_memory: int = 768 * MEGABYTE
    program_output: int = 16 * MEGABYTE
