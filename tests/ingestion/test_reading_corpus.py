"""Real files of every kind, where the collection is there: their phrases on their pages. bench/ingest.py counts them.

Word and PowerPoint before 2007 are also tried with files of our own, made by LibreOffice where it is installed.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.ingest import holds
from tests.files import samples
from tests.ingestion.conftest import Read
from tests.ingestion.test_reading_sheets import presentation

CORPUS = Path(os.environ.get("CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora")) / "ingest"
# Pages that must be recognised take seconds each, and archives are documents of their own: both are the bench's.
KINDS = "csv doc docx eml epub html md msg odt ppt pptx rtf txt xls xlsx xml".split()


def expected() -> list[dict[str, Any]]:
    listing = CORPUS / "expect.jsonl"
    lines = listing.read_text("utf-8").splitlines() if listing.is_file() else []
    return [entry for entry in map(json.loads, lines) if entry["format"] in KINDS and entry["expect"] == "text"]


@pytest.mark.parametrize("entry", expected(), ids=lambda entry: entry["file"])
def test_the_phrases_of_a_real_file_are_on_their_pages(read: Read, entry: dict[str, Any]) -> None:
    pages, _ = read((CORPUS / entry["file"]).read_bytes(), Path(entry["file"]).name)
    for phrase in entry["phrases"]:
        assert holds([page.text for page in pages if phrase.get("page") in {None, page.number}], phrase["text"])


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.parametrize(
    ("form", "words", "headings"),
    [
        ("doc", ["Sort | Harvest\nBoskoop | 312 kg\nGravenstein | 98 kg"], ["Garden Report", "Trees"]),
        ("ppt", ["Forty berths", "Say that the crane is new."], ["The harbour in numbers", "Notes"]),
    ],
)
def test_files_of_old_office_versions_are_read(
    read: Read, tmp_path: Path, form: str, words: list[str], headings: list[str]
) -> None:
    source = tmp_path / f"made.{form}x"
    source.write_bytes(samples.word_document() if form == "doc" else presentation())
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", form, "--outdir", str(tmp_path), str(source)]
    # It was seen to give up at its first start on a machine, and never at the second.
    if subprocess.run(command, check=False, capture_output=True, timeout=80).returncode:
        subprocess.run(command, check=True, capture_output=True, timeout=80)
    pages, _ = read((tmp_path / f"made.{form}").read_bytes(), f"made.{form}")
    assert all(each in pages[0].text for each in words)
    assert [heading.text for heading in pages[0].headings] == headings
