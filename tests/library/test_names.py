import pytest

from documents.names import MAX_BYTES, MAX_LENGTH, clean_name, renamed


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.docx", "plan.docx"),
        ("folder/", "folder"),
        ("line\nbreak\ttab.txt", "line break tab.txt"),
        ("evil\u202efdp.exe", "evilfdp.exe"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ("null\x00byte.txt", "nullbyte.txt"),
        ("...hidden", "hidden"),
        ("  spaces  .txt", "spaces .txt"),
        ("Cafe\u0301.txt", "Café.txt"),
        ("تقرير.pdf", "تقرير.pdf"),
        ("می\u200cخواهم.txt", "می\u200cخواهم.txt"),
        ("\u200d.txt", "txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1 .tar.gz", "_Com1 .tar.gz"),
        ("console.txt", "console.txt"),
        ("..\\..\\windows\\system32\\aux.pdf", "_aux.pdf"),
        ("/etc/passwd\x00.pdf", "passwd.pdf"),
        ("a/../b/./c.txt", "c.txt"),
        ("\u2066left\u2069 \u202bright\u202c.pdf", "left right.pdf"),
        ("tag\U000e0041\U000e0042.pdf", "tag.pdf"),
        ("bell\x07\x1b[31m.txt", "bell[31m.txt"),
        ("line\u2028separator\u2029.txt", "line separator .txt"),
        ("report.pdf. . .", "report.pdf"),
        ("\ue000private.txt", "private.txt"),
        ("", "Untitled"),
        ("../..", "Untitled"),
        ("\u202e\u200b", "Untitled"),
    ],
)
def test_a_name_is_shown_as_one_honest_line(given: str, shown: str) -> None:
    assert clean_name(given) == shown


def test_a_very_long_name_keeps_its_extension() -> None:
    name = clean_name("a" * 5000 + ".pdf")
    assert len(name) == MAX_LENGTH
    assert name.endswith("a.pdf")


@pytest.mark.parametrize("letter", ["ß", "漢", "😀", "e\u0301", "न\u200dम"])
def test_a_long_name_fits_a_file_system_that_counts_bytes(letter: str) -> None:
    name = clean_name(letter * 300 + ".docx")
    assert len(name.encode()) <= MAX_BYTES
    assert name.endswith(".docx")
    assert "\ufffd" not in name


def test_a_surrogate_does_not_survive() -> None:
    assert clean_name("half\ud83d.txt") == "half.txt"


def test_a_very_long_extension_is_no_extension() -> None:
    assert len(clean_name("a." + "b" * 5000)) == MAX_LENGTH


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [("Plan", "Plan.pdf"), ("Plan.pdf", "Plan.pdf"), ("Plan.PDF", "Plan.PDF"), ("../Plan.exe", "Plan.exe.pdf")],
)
def test_a_renamed_file_keeps_its_extension(wanted: str, kept: str) -> None:
    assert renamed("old.pdf", wanted) == kept
    assert len(renamed("old.pdf", "x" * 500)) == MAX_LENGTH
