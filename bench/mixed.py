"""Files of many kinds that differ from one another and are the same for the same numbers."""

import email.message
import io
import random
import zipfile

from tests.files import samples

KINDS = ("pdf", "txt", "md", "html", "csv", "xlsx", "docx", "eml", "zip")
_WORDS = "heron kettle copper river nest colony willow morning letter engine garden window paper harbour ferry".split()


def files(count: int, seed: int) -> dict[str, bytes]:
    """By name; one kind after the other."""
    return {f"{KINDS[n % len(KINDS)]}-{seed}-{n}.{KINDS[n % len(KINDS)]}": _file(n, seed) for n in range(count)}


def _file(number: int, seed: int) -> bytes:
    draw = random.Random(f"{seed} {number}")
    match KINDS[number % len(KINDS)]:
        case "pdf":
            # Its pages say how long it is.
            return samples.handbook(20 + 7 * (number // len(KINDS)) % 60 + seed % 7)
        case "txt":
            return _text(draw, 60).encode()
        case "md":
            return "\n\n".join(f"# Part {n}\n\n{_text(draw, 6)}" for n in range(12)).encode()
        case "html":
            parts = "".join(f"<h2>Part {n}</h2><p>{_text(draw, 6)}</p>" for n in range(12))
            return f"<html><body>{parts}</body></html>".encode()
        case "csv":
            return _rows(draw).encode()
        case "xlsx":
            return _workbook(draw)
        case "docx":
            return _letter(draw)
        case "eml":
            return _mail(draw)
        case _:
            return _archive(draw)


def _sentence(draw: random.Random) -> str:
    return f"{' '.join(draw.choices(_WORDS, k=12)).capitalize()} {draw.randrange(10_000)}."


def _text(draw: random.Random, paragraphs: int) -> str:
    return "\n\n".join(" ".join(_sentence(draw) for _ in range(6)) for _ in range(paragraphs))


def _rows(draw: random.Random) -> str:
    lines = [f"{draw.choice(_WORDS)},{draw.choice(_WORDS)},{draw.randrange(10_000)}" for _ in range(400)]
    return "\n".join(["bird,place,number", *lines])


def _workbook(draw: random.Random) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for line in _rows(draw).splitlines():
        book.active.append(line.split(","))
    return _saved(book)


def _letter(draw: random.Random) -> bytes:
    import docx

    document = docx.Document()
    for number in range(8):
        document.add_heading(f"Part {number}", level=1)
        document.add_paragraph(_text(draw, 4))
    return _saved(document)


def _saved(file: object) -> bytes:
    out = io.BytesIO()
    file.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def _mail(draw: random.Random) -> bytes:
    mail = email.message.EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = _sentence(draw), "a@example.org", "b@example.org"
    mail.set_content(_text(draw, 20))
    mail.add_attachment(_text(draw, 20).encode(), maintype="text", subtype="plain", filename="attached.txt")
    return mail.as_bytes()


def _archive(draw: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for _ in range(3):
            archive.writestr(f"{draw.randrange(10**9)}.txt", _text(draw, 10))
    return out.getvalue()
