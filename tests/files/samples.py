"""Sample files, made on the spot: nothing here was written by anybody else.

python -m tests.files.samples handbook out.pdf [pages]     a PDF like a real one, a fact of its own on each page
"""

import io
import itertools
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import AccessPermission
from PIL import Image, ImageDraw, ImageFont

PLACES = "Alder Bay,Birch Point,Cedar Hollow,Dove Island,Elm Reach,Fern Quay,Gull Rock,Heron Mere".split(",")
THINGS = "lighthouse,ferry,museum,bakery,observatory,library,boatyard,weather station,orchard,school,market".split(",")
FILLER = (
    "Visitors are asked to sign the book at the entrance and to leave bags in the lockers beside the stairs. "
    "The staff answer questions in person every weekday and by letter at other times. "
    "Repairs are announced a week ahead on the notice board, and a short description of the work is kept on file. "
    "Groups of more than twelve people should write beforehand, so that a guide can be found for them. "
    "In winter the upper floor is closed after dark, because the lamps are needed elsewhere. "
)


def fact(page: int) -> str:
    """A sentence that stands on this page of the handbook and on no other."""
    place, thing = PLACES[page % len(PLACES)], THINGS[page % len(THINGS)]
    return f"The {thing} of {place} was opened in {1700 + page} and keeps exactly {page * 37 + 112} numbered keys."


class _Handbook(FPDF):
    def header(self) -> None:
        self.set_font("Helvetica", size=9)
        self.cell(0, 6, "Handbook of the Harbour Council", align="C", new_x="LMARGIN", new_y="NEXT")
        self.ln(6)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=9)
        self.cell(0, 6, f"Page {self.page_no()}", align="C")


def handbook(pages: int = 24) -> bytes:
    """Headings, an outline, running lines, two-line paragraphs, a table on every fifth page."""
    pdf = _Handbook(format="A4")
    pdf.set_title("Handbook of the Harbour Council")
    for page in range(1, pages + 1):
        pdf.add_page()
        if page % 4 == 1:
            pdf.set_font("Helvetica", "B", 18)
            pdf.start_section(f"Chapter {page // 4 + 1}: {PLACES[page // 4 % len(PLACES)]}")
            pdf.cell(
                0, 12, f"Chapter {page // 4 + 1}: {PLACES[page // 4 % len(PLACES)]}", new_x="LMARGIN", new_y="NEXT"
            )
        pdf.set_font("Helvetica", "B", 13)
        pdf.start_section(f"Record {page}", level=1)
        pdf.cell(0, 10, f"Record {page}", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Helvetica", size=11)
        for paragraph in (FILLER, f"{fact(page)} {FILLER}", FILLER):
            pdf.multi_cell(0, 6, paragraph, new_x="LMARGIN", new_y="NEXT")
            pdf.ln(4)
        if page % 5 == 0:
            with pdf.table() as table:
                for row in (("Year", "Guests", "Boats"), ("1990", str(page * 11), "4"), ("1991", str(page * 13), "6")):
                    table.row(row)
    return bytes(pdf.output())


def pdf_with_pages(texts: Sequence[str]) -> bytes:
    pdf = FPDF(format="A4")
    pdf.set_font("Helvetica", size=11)
    for text in texts:
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    return bytes(pdf.output())


def hyphenated() -> bytes:
    """Words divided at line ends."""
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    for line in (
        "The committee gave its per-",
        "mission for the efficient use of",
        "the well-known North-",
        "South line.",
    ):
        pdf.cell(0, 7, line, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def rotated() -> bytes:
    pdf = FPDF(format="A4")
    pdf.add_page()
    pdf.set_font("Helvetica", size=14)
    pdf.cell(0, 10, "Turned by a quarter")
    # fpdf2 writes no /Rotate; the page's dictionary is plain text.
    return bytes(pdf.output()).replace(b"/Type /Page\n", b"/Type /Page /Rotate 90\n", 1)


def encrypted() -> bytes:
    pdf = FPDF()
    pdf.set_encryption("owner-word", "user-word", permissions=AccessPermission.none())
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    pdf.cell(0, 10, "Secret words")
    return bytes(pdf.output())


def scanned(text: str = "The kettle has a warranty of thirty months", *, and_text_page: bool = False) -> bytes:
    """A picture of words, without a text layer; if wanted after a page that has one."""
    picture = Image.new("L", (1600, 500), 255)
    font = ImageFont.load_default(size=56)
    ImageDraw.Draw(picture).text((80, 200), text, fill=0, font=font)
    pdf = FPDF()
    if and_text_page:
        pdf.add_page()
        pdf.set_font("Helvetica", size=12)
        pdf.cell(0, 10, "A page with text of its own.")
    pdf.add_page()
    pdf.image(picture, x=10, y=20, w=180)
    return bytes(pdf.output())


def blank() -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.add_page()
    return bytes(pdf.output())


def word_document(*, body: str = "", extra: dict[str, bytes] | None = None) -> bytes:
    """A small DOCX with headings, a list, a table and a footnote; or with a body of one's own (WordprocessingML)."""
    import docx

    document = docx.Document()
    document.add_heading("Garden Report", level=1)
    document.add_paragraph("The garden lies behind the old pumping house.")
    document.add_heading("Trees", level=2)
    document.add_paragraph("Forty-one apple trees were counted in the spring.")
    document.add_paragraph("Prune in February", style="List Bullet")
    document.add_paragraph("Water in July", style="List Bullet")
    table = document.add_table(rows=0, cols=2)
    for cells in (("Sort", "Harvest"), ("Boskoop", "312 kg"), ("Gravenstein", "98 kg")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    file = io.BytesIO()
    document.save(file)
    if not body and not extra:
        return file.getvalue()
    return _repacked(file.getvalue(), {**({"word/document.xml": body.encode()} if body else {}), **(extra or {})})


def _repacked(archive: bytes, replaced: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in itertools.chain(old.namelist(), replaced.keys() - set(old.namelist())):
            new.writestr(name, replaced.get(name) or old.read(name))
    return out.getvalue()


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(handbook(int(sys.argv[3]) if len(sys.argv) > 3 else 24))
