"""How fast a document becomes searchable, and whether its words are found: bench/README.md, "Ingestion".

python -m bench.ingest [--only speed|phrases] [--pages 200] [--corpora FOLDER] [--note TEXT] [--keep]
"""

import argparse
import io
import json
import re
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import judged, report
from bench.database import own_database
from tests.files import samples

if TYPE_CHECKING:
    from accounts.models import User
    from documents.models import Document

# Real files for the speed table: those with at least so many pages.
_LEAST_PAGES = 4
_REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["speed", "phrases"])
    parser.add_argument("--pages", type=int, default=200, help="of the generated PDF")
    parser.add_argument("--corpora", type=Path, default=judged.default_corpora())
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with own_database():
        for name, bench in (("speed", speed), ("phrases", phrases)):
            if options.only in {None, name}:
                result = {**bench(options), "note": options.note}
                print(json.dumps(result, indent=2))
                if options.keep:
                    report.write("ingest", name, result, _page)


def _owner() -> "User":
    from accounts.models import User

    return User.objects.get_or_create(email="bench@example.org")[0]


def upload(owner: "User", content: bytes, name: str) -> "Document":
    from documents import blobs
    from documents.models import Document, DocumentVersion
    from documents.sniffing import HEAD_SIZE, sniff

    kind = sniff(content[:HEAD_SIZE], len(content), name)
    document = Document.objects.create(owner=owner, name=name)
    blob = blobs.store(io.BytesIO(content), owner_id=document.owner_id)
    DocumentVersion.objects.create(
        document=document, number=1, blob=blob.key, fingerprint=blob.fingerprint, size=blob.size, media_type=kind
    )
    return document


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


# --- How fast -----------------------------------------------------------------------------------------------------


def speed(options: argparse.Namespace) -> dict[str, Any]:
    rows = [_row(f"generated, {options.pages} pages", samples.handbook(options.pages), first=True)]
    for path in sorted((options.corpora / "ingest" / "pdf").glob("*.pdf")):
        row = _row(path.name, path.read_bytes())
        if row is not None and row["pages"] >= _LEAST_PAGES:
            rows.append(row)
    rows = [row for row in rows if row is not None]
    alone = sum(row["parse_alone"] + row["embed_alone"] for row in rows)
    return {"rows": rows, "ratio_of_all": round(sum(row["seconds"] for row in rows) / alone, 2)}


def _row(name: str, content: bytes, *, first: bool = False) -> dict[str, Any] | None:
    """None for what is refused. The medians of a few runs; `cold` is the first of a new worker."""
    from documents.errors import DocumentError
    from documents.ingestion import ingest
    from documents.models import Document

    cold = None
    whole = []
    for _ in range(_REPEATS):
        document = upload(_owner(), content, "bench.pdf")
        seconds = _timed(lambda: ingest(document.pk))  # noqa: B023 - called at once
        document.refresh_from_db()
        if document.status != Document.Status.READY:
            return None
        cold = seconds if first and cold is None else cold
        whole.append(seconds)
        passages = [chunk.content for chunk in document.current_version.chunks.order_by("index")]
        pages = document.current_version.page_count
        document.delete()
    try:
        parse = sorted(_timed(lambda: _parse(content)) for _ in range(_REPEATS))[_REPEATS // 2]
    except DocumentError:  # it needs a password
        return None
    embed = sorted(_timed(lambda: _embed(passages)) for _ in range(_REPEATS))[_REPEATS // 2]
    middle = sorted(whole)[_REPEATS // 2]
    row = {
        "file": name,
        "pages": pages,
        "passages": len(passages),
        "seconds": round(middle, 2),
        "pages_per_second": round(pages / middle, 1),
        "parse_alone": round(parse, 2),
        "embed_alone": round(embed, 2),
        "ratio": round(middle / (parse + embed), 2),
        "cold": round(cold, 2) if cold else None,
    }
    print(row, flush=True)
    return row


def _parse(content: bytes) -> None:
    """The parser in this process, and Tesseract where it needs it: no child, no pipe, no limits."""
    import tempfile

    from documents.reading import programs
    from documents.reading.formats import Source, Tools, pdf
    from documents.reading.limits import Limits

    def recognise(picture: bytes, resolution: int) -> str | None:
        return programs.tesseract(picture, resolution=resolution, languages="eng", limits=Limits())

    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(content)
        file.flush()
        for _ in pdf.read(Source(file.name), Tools(recognise), Limits()):
            pass


def _embed(passages: list[str]) -> None:
    from documents.index import active_space
    from llms.embeddings import embed_passages

    embed_passages(active_space().model, passages)


# --- Whether it is found ------------------------------------------------------------------------------------------


def phrases(options: argparse.Namespace) -> dict[str, Any]:
    """What must be found is found in the pages as stored; what must be refused is refused with a sentence."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("files", "found", "missed", "wrong"), 0))
    missed = []
    listing = options.corpora / "ingest" / "expect.jsonl"
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    for expected in map(json.loads, lines):
        kind = expected["format"]
        counts[kind]["files"] += 1
        outcome, pages, passages = _outcome(options.corpora / "ingest" / expected["file"])
        nothing = expected["expect"] in {"refuse", "no_text"}
        if nothing != (outcome == "failed") and expected["expect"] != "partial":
            counts[kind]["wrong"] += 1
            missed.append({"file": expected["file"], "outcome": outcome})
            continue
        if outcome == "failed":
            continue
        for phrase in expected.get("phrases", []):
            within = [text for number, text in pages if phrase.get("page") in {None, number}]
            hit = holds(within, phrase["text"], ocr=bool(phrase.get("ocr")))
            counts[kind]["found" if hit else "missed"] += 1
            if not hit:
                missed.append({"file": expected["file"], "phrase": phrase["text"]})
            elif not holds(passages, phrase["text"], ocr=bool(phrase.get("ocr"))):
                missed.append({"file": expected["file"], "phrase": phrase["text"], "note": "in no one passage"})
    return {"formats": dict(counts), "missed": missed}


def _outcome(path: Path) -> tuple[str, list[tuple[int, str]], list[str]]:
    from documents.errors import DocumentError
    from documents.ingestion import ingest
    from documents.models import Document

    try:
        document = upload(_owner(), path.read_bytes(), path.name)
    except DocumentError:
        return "failed", [], []
    ingest(document.pk)
    document.refresh_from_db()
    status, pages, passages = str(document.status), [], []
    # An archive is many documents: those that lay in it are looked at with it.
    for each in Document.objects.filter(owner=_owner()).order_by("created_at"):
        if each.pk != document.pk:
            ingest(each.pk)
        version = each.versions.get()
        pages += [(page.number, page.text) for page in version.pages.order_by("number")]
        passages += [chunk.content for chunk in version.chunks.order_by("index")]
        each.delete()
    return status, pages, passages


def holds(texts: list[str], phrase: str, *, ocr: bool = False) -> bool:
    wanted = _normal(phrase)
    return any(wanted in text or (ocr and _nearly(wanted, text)) for text in map(_normal, texts))


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).translate(str.maketrans("“”„’‘‚", "\"\"\"'''"))
    return re.sub(r"\s+", " ", re.sub(r"(?<=\w)[-\u00ad]\n(?=[a-z])", "", text)).strip().lower()


def _nearly(wanted: str, text: str) -> bool:
    """With one wrong character in ten, as picture recognition makes them."""
    allowed = len(wanted) // 10
    previous = [0] * (len(text) + 1)
    for row, character in enumerate(wanted, start=1):
        current = [row]
        for column, other in enumerate(text, start=1):
            changed = previous[column - 1] + (character != other)
            current.append(min(changed, previous[column] + 1, current[-1] + 1))
        previous = current
    return min(previous) <= allowed


# --- The page -----------------------------------------------------------------------------------------------------


def _page(runs: list[dict[str, Any]]) -> str:
    parts = ["# Ingestion\n"]
    for run in sorted(runs, key=lambda run: run["name"], reverse=True):
        parts.append(f"## {run['name'].capitalize()}\n\n{report.described(run)}. {run['note']}\n")
        parts.append(_speed_page(run) if run["name"] == "speed" else _phrases_page(run))
    return "\n".join(parts)


def _speed_page(run: dict[str, Any]) -> str:
    keys = ("file", "pages", "passages", "seconds", "pages_per_second", "parse_alone", "embed_alone", "ratio", "cold")
    rows = [["–" if row[key] is None else row[key] for key in keys] for row in run["rows"]]
    heads = ["file", "pages", "passages", "whole, s", "pages/s", "parser, s", "embedder, s", "ratio", "new worker, s"]
    return (
        "Whole: from claiming the document to ready. Ratio: whole to parser and embedder alone. "
        f"Load of the machine before: {run['machine']['load_before']}.\n\n"
        + report.table(heads, rows)
        + f"\nAll of them together: {run['ratio_of_all']} times parser and embedder alone.\n"
    )


def _phrases_page(run: dict[str, Any]) -> str:
    rows = [[kind, one["files"], one["found"], one["missed"], one["wrong"]] for kind, one in run["formats"].items()]
    table = report.table(["format", "files", "phrases found", "missed", "files with another outcome"], rows)
    remarks = "".join(f"* {', '.join(f'{key}: {value}' for key, value in one.items())}\n" for one in run["missed"])
    return f"{table}\n{remarks}"


if __name__ == "__main__":
    main()
