"""Import and export in Chromium: a file goes in, the page tells what became of it, and it comes out again."""

import io
import json
import os
import zipfile
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.sessions.engine import SessionStore
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.exchange import working
from chats.exchange.models import ExchangeJob
from chats.models import Conversation
from tests.chats.conftest import answered
from tests.chats.exchange.samples import as_file, chatgpt, openwebui
from tests.conftest import PASSWORD
from tests.interface.conftest import PHONE, WIDE

pytestmark = pytest.mark.browser


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page) -> Page:
    tab.set_viewport_size(request.param)
    return tab


def look(page: Page, name: str) -> None:
    """For whoever wants to see them: PICTURES=folder."""
    if folder := os.environ.get("PICTURES"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}-{scheme}.png", full_page=True)  # type: ignore[index]


def has_no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_file_is_imported_and_what_was_left_out_is_named(page: Page, owner: User) -> None:
    page.goto("/settings/exchange")
    broken = {**chatgpt("c-2", "Round and round"), "mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}
    content = as_file([chatgpt(), openwebui(), broken])
    page.get_by_label("File, JSON or ZIP").set_input_files({"name": "c.json", "mimeType": "", "buffer": content})
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("It waits for its turn")).to_be_visible()
    working.do(ExchangeJob.objects.get().pk)
    # The page asks by itself.
    expect(page.get_by_text("2 chats imported.")).to_be_visible()
    page.get_by_text("1 entry could not be read and was left out").click()
    expect(page.get_by_text("Entry 3, “Round and round”: its messages follow each other in a circle")).to_be_visible()
    assert has_no_sideways_scroll(page)
    look(page, "exchange")


def test_one_chat_is_taken_along_by_its_menu(page: Page, owner: User) -> None:
    page.goto("/settings/exchange")
    page.get_by_label("File, JSON or ZIP").set_input_files(
        {"name": "c.json", "mimeType": "", "buffer": as_file([chatgpt()])}
    )
    page.get_by_role("button", name="Import", exact=True).click()
    working.do(ExchangeJob.objects.get().pk)
    chat = Conversation.objects.get()
    page.route_web_socket("**/ws/chats/*", lambda socket: None)
    page.goto(f"/chats/{chat.pk}")
    menu = page.get_by_label("Rename, export or delete this chat")
    menu.click()
    look(page, "exchange-menu")
    with page.expect_download() as got:
        page.get_by_role("link", name="JSON, with all branches").click()
    saved = json.loads(Path(got.value.path()).read_text(encoding="utf-8"))
    assert [found["title"] for found in saved["chats"]] == ["Herons"]
    menu.click()
    page.get_by_role("button", name="PDF").click()
    page.wait_for_url("**/settings/exchange#latest")
    job = page.get_by_role("article", name="Export")
    expect(job).to_be_focused()
    expect(job).to_be_in_viewport()
    working.do(ExchangeJob.objects.get(kind="export").pk)
    expect(job.get_by_text("Ready")).to_be_visible()
    # What the page asks by itself takes the place away from nobody.
    expect(job).to_be_focused()
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    assert Path(got.value.path()).read_bytes().startswith(b"%PDF-")
    look(page, "exchange-made")


CHATS = {"Herons": "They nest in *trees*.", "Storks": "They nest on $a^2$ roofs.", "Gulls": "They nest on **cliffs**."}


@pytest.fixture
def chats(owner: User, transactional_db: None) -> None:
    with acting_as(owner):
        for title, answer in CHATS.items():
            chat = conversations.start(owner)
            conversations.rename(chat, title)
            answered(chat, f"Where do {title.lower()} nest?", answer)


def some_time_passes(page: Page) -> None:
    """Since the sign-in, so that what matters is confirmed first."""
    key = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "sessionid")
    session = SessionStore(key)
    session["confirmed_at"] = session["confirmed_at"] - 15 * 60
    session.save()


def confirm(page: Page) -> None:
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def fetched(page: Page, form: str) -> zipfile.ZipFile:
    """What a worker makes of the job at which the person was led, by its own link."""
    page.wait_for_url("**/settings/exchange#latest")
    job = page.get_by_role("article").first
    expect(job).to_be_focused()
    expect(job).to_be_in_viewport()
    expect(job.get_by_text(f"Export as {form}")).to_be_visible()
    working.do(ExchangeJob.objects.latest("created_at").pk)
    expect(job.get_by_text("Ready")).to_be_visible()
    assert has_no_sideways_scroll(page)
    with page.expect_download() as got:
        job.get_by_role("link", name="Download").click()
    assert got.value.suggested_filename.endswith(".zip")
    archive = zipfile.ZipFile(Path(got.value.path()))
    assert archive.testzip() is None
    return archive


def told(archive: zipfile.ZipFile, form: str) -> dict[str, str]:
    """The words of each chat, by its title."""
    if form == "JSON":
        found = json.loads(archive.read("chats.json"))
        return {chat["title"]: " ".join(message["content"] for message in chat["messages"]) for chat in found["chats"]}
    ending = {"Markdown": ".md", "PDF": ".pdf"}[form]
    assert all(name.endswith(ending) for name in archive.namelist())
    files = {name.removesuffix(ending).partition(" ")[2]: archive.read(name) for name in archive.namelist()}
    if form == "Markdown":
        return {title: content.decode() for title, content in files.items()}
    read = {title: pypdf.PdfReader(io.BytesIO(content)) for title, content in files.items()}
    return {title: " ".join(page.extract_text() for page in pdf.pages) for title, pdf in read.items()}


def holds(archive: zipfile.ZipFile, form: str, titles: set[str]) -> None:
    found = told(archive, form)
    assert set(found) == titles
    for title, words in found.items():
        assert f"Where do {title.lower()} nest?" in words
        answer = CHATS[title] if form != "PDF" else CHATS[title].partition("*")[0].partition("$")[0]
        assert answer.strip() in words


def mark_and_export(page: Page, choice: str) -> None:
    here = page.locator("#chats")
    for title in ("Herons", "Storks"):
        here.get_by_role("checkbox", name=title).check()
    bar = here.get_by_role("group", name="With the marked chats")
    expect(bar.get_by_role("status")).to_have_text("2 marked")
    bar.get_by_text("Export", exact=True).click()
    button = bar.get_by_role("button", name=choice, exact=True)
    # All of the menu: its corners may not be cut off.
    expect(button.locator("xpath=..")).to_be_in_viewport(ratio=1)
    look(page, "exchange-several-menu")
    button.click()


def test_several_chats_are_marked_and_exported_together(page: Page, chats: None) -> None:
    some_time_passes(page)
    page.goto("/chats/all")
    mark_and_export(page, "Markdown")
    confirm(page)
    page.wait_for_url("**/chats/all")
    expect(page.get_by_text("choose or enter it again")).to_be_visible()
    assert not ExchangeJob.objects.exists()
    for form, choice in (("Markdown", "Markdown"), ("JSON", "JSON, with all branches"), ("PDF", "PDF")):
        page.goto("/chats/all")
        mark_and_export(page, choice)
        holds(fetched(page, form), form, {"Herons", "Storks"})
    look(page, "exchange-several")


def export_all(page: Page, form: str) -> None:
    expect(page.get_by_text("3 chats, in one ZIP file")).to_be_visible()
    page.get_by_role("radio", name=form).check()
    page.get_by_role("button", name="Export", exact=True).click()


def test_the_new_job_is_not_under_the_bar_above_a_long_list(page: Page, owner: User, chats: None) -> None:
    with acting_as(owner):
        for _ in range(9):
            ExchangeJob.objects.create(owner=owner, kind=ExchangeJob.Kind.IMPORT, status=ExchangeJob.Status.DONE)
    page.goto("/settings/exchange")
    export_all(page, "JSON")
    page.wait_for_url("**/settings/exchange#latest")
    job = page.get_by_role("article", name="Export")
    expect(job).to_be_focused()
    # What stands at its upper corner is the job itself.
    corner = "const { x, y } = job.getBoundingClientRect()"
    assert job.evaluate(f"job => {{ {corner}; return job.contains(document.elementFromPoint(x + 2, y + 2)); }}")


def test_all_chats_are_exported_from_the_page(page: Page, chats: None) -> None:
    some_time_passes(page)
    page.goto("/settings/exchange")
    export_all(page, "JSON")
    confirm(page)
    page.wait_for_url("**/settings/exchange")
    assert not ExchangeJob.objects.exists()
    for form in ("JSON", "Markdown", "PDF"):
        export_all(page, form)
        holds(fetched(page, form), form, set(CHATS))
    look(page, "exchange-all")
