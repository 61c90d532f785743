"""Sheets, slides and data: rows with the names of their columns, a page for every slide, fields with their names."""

import io

import openpyxl
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from documents.errors import CorruptFile, NoText, TooLarge, WrongType
from documents.reading.formats import sheets
from tests.ingestion.conftest import Read
from tests.ingestion.test_bounds import archive


def workbook(**pages: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in pages.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_each_sheet_is_a_table_under_its_name(read: Read) -> None:
    (page,), _ = read(workbook(Boats=[["Name", "Berths"], ["Heron", 4]], Crew=[["Who"], ["Ada"]]), "a.xlsx")
    assert [heading.text for heading in page.headings] == ["Boats", "Crew"]
    assert "Name | Berths\nHeron | 4" in page.text


def test_every_part_of_a_long_sheet_names_its_columns(read: Read) -> None:
    rows = [["Boat", "Length in metres"], *([f"Boat number {n}", n] for n in range(400))]
    pages, _ = read(workbook(Fleet=[list(row) for row in rows]), "a.xlsx")
    tables = [page.text[span.start : span.end] for page in pages for span in page.solids]
    assert len(tables) > 5
    assert all(table.startswith("Boat | Length in metres\n") for table in tables)
    assert sum(table.count("Boat number") for table in tables) == 400


def test_what_stands_above_a_table_is_its_title_and_two_rows_may_name_the_columns() -> None:
    rows = [["Revenue 2023"], [], ["", "Sales", "Profit"], ["Zone", "EUR", "EUR"], ["North", "12", "3"]]
    title, table = sheets.blocks("", rows)
    assert (title.kind, title.text) == ("paragraph", "Revenue 2023")
    assert table.heads == 2


def test_numbers_dates_and_shares_look_as_in_the_sheet(read: Read) -> None:
    book = openpyxl.Workbook()
    book.active.append(["What", "Value"])
    book.active.append(["share", 0.125])
    book.active["B2"].number_format = "0.0%"
    book.active.append(["sum", 1234.5])
    file = io.BytesIO()
    book.save(file)
    (page,), _ = read(file.getvalue(), "a.xlsx")
    assert "share | 12.5%" in page.text
    assert "sum | 1234.5" in page.text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_file(read: Read, delimiter: str) -> None:
    lines = [["Name", "Town"], ["Heron", f'"Mere{delimiter} North"'], ["Gull", "Rock"]]
    (page,), _ = read("\r\n".join(delimiter.join(line) for line in lines).encode("utf-16"), "a.csv")
    assert [line.split(" | ")[0] for line in page.text.split("\n")] == ["Name", "Heron", "Gull"]


def test_a_workbook_that_is_none_is_refused_with_a_sentence(read: Read) -> None:
    with pytest.raises(WrongType):
        read(archive({"[Content_Types].xml": b"<a/>", "other": b""}).getvalue(), "a.xlsx")
    broken = archive({"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"}).getvalue()
    with pytest.raises((CorruptFile, NoText)):
        read(broken, "a.xlsx")


def test_a_workbook_that_unpacks_to_more_than_allowed_is_refused(read: Read) -> None:
    bomb = archive({"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b" " * 200_000_000}).getvalue()
    with pytest.raises(TooLarge):
        read(bomb, "a.xlsx")


def presentation() -> bytes:
    made = pptx.Presentation()
    first = made.slides.add_slide(made.slide_layouts[1])
    first.shapes.title.text = "The harbour in numbers"
    first.placeholders[1].text = "Forty berths"
    first.notes_slide.notes_text_frame.text = "Say that the crane is new."
    second = made.slides.add_slide(made.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(2)).table
    for row, cells in enumerate((("Month", "Boats"), ("May", "31"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    data = CategoryChartData()
    data.categories = ["June", "July"]
    data.add_series("Guests", (120, 340))
    second.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, Inches(4), Inches(2), data)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def test_every_slide_is_a_page_with_its_notes_tables_and_charts(read: Read) -> None:
    (first, second), _ = read(presentation(), "a.pptx")
    assert [heading.text for heading in first.headings] == ["The harbour in numbers", "Notes"]
    assert "Forty berths" in first.text
    assert "Say that the crane is new." in first.text
    assert "Month | Boats\nMay | 31" in second.text
    assert "June | 120" in second.text


def test_xml_is_read_by_its_words_and_fields(read: Read) -> None:
    content = b"""<?xml version="1.0"?><!DOCTYPE list SYSTEM "http://example.invalid/list.dtd"><list>
        <boat berths="4"><name>Heron</name><port>Mere</port></boat>
        <section><title>History</title><p>Built in <b>1871</b> by hand.</p></section></list>"""
    (page,), _ = read(content, "a.xml")
    assert "berths: 4\nname: Heron\nport: Mere" in page.text
    assert "Built in 1871 by hand." in page.text
    assert [heading.text for heading in page.headings] == ["History"]
