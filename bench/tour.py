"""Walk through every page with a browser and draw it, for docs/tour.md and for whoever wants to look.

    python -m bench.tour [FOLDER]

Starts the whole product with the model server of the tests, fills it as a person would, by its own forms, and draws
each page twice: on a wide window in light, on a phone in dark. Needs Chromium. Nothing is measured here.
"""

import argparse
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench import tour_content
from bench.stack import ADMIN_EMAIL, ADMIN_PASSWORD, PROJECT, ModelServer, Stack

WIDE = ("wide", {"width": 1280, "height": 800}, "light")
PHONE = ("phone", {"width": 390, "height": 844}, "dark")
FOLDER = PROJECT / "docs/pictures/tour"
# Enough for text and our few colours, at a third of the size.
_COLOURS = 128


class Tour:
    """A signed-in person in two windows, and the pictures drawn so far: name, title."""

    def __init__(self, browser: Browser, stack: Stack, model: ModelServer, folder: Path) -> None:
        self.stack, self.model, self.folder = stack, model, folder
        self.drawn: list[tuple[str, str]] = []
        self._browser = browser
        self.pages: dict[str, Page] = {}

    def open(self) -> None:
        state = None
        for name, size, scheme in (WIDE, PHONE):
            context = self._browser.new_context(
                viewport=size, color_scheme=scheme, base_url=self.stack.url, storage_state=state,
                reduced_motion="reduce", locale="en-GB", service_workers="block",
            )  # fmt: skip
            context.set_default_timeout(30_000)
            self.pages[name] = context.new_page()
            if state is None:
                self._sign_in(self.pages[name])
                state = context.storage_state()

    @property
    def wide(self) -> Page:
        return self.pages["wide"]

    @contextmanager
    def visitor(self) -> Iterator[None]:
        """Two windows of somebody who is not signed in."""
        own, self.pages = self.pages, {}
        for name, size, scheme in (WIDE, PHONE):
            context = self._browser.new_context(viewport=size, color_scheme=scheme, base_url=self.stack.url)
            self.pages[name] = context.new_page()
        yield
        for page in self.pages.values():
            page.context.close()
        self.pages = own

    def _sign_in(self, page: Page) -> None:
        page.goto("/accounts/login/")
        page.fill("input[name=login]", ADMIN_EMAIL)
        page.fill("input[name=password]", ADMIN_PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_selector("#question")

    def draw(self, name: str, title: str, path: str, then: Callable[[Page], object] | None = None) -> None:
        for window, page in self.pages.items():
            page.goto(path)
            page.wait_for_load_state("load")
            if then:
                then(page)
            page.wait_for_load_state("networkidle")
            page.evaluate("Promise.all([...document.images].map(image => image.decode().catch(() => {})))")
            page.wait_for_timeout(400)
            self._keep(f"{name}-{window}", page.screenshot())
        self.drawn.append((name, title))

    def _keep(self, name: str, picture: bytes) -> None:
        with Image.open(io.BytesIO(picture)) as drawn:
            few = drawn.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
            few.save(self.folder / f"{name}.png", optimize=True)

    def ask(self, title: str, question: str, answer: str, *, thinking: str = "") -> str:
        """The address of a new chat with this question and answer."""
        self.model.script(text=answer, thinking=thinking, tokens_per_second=0)
        self.wide.goto("/")
        self.wide.fill("#question", question)
        self.wide.press("#question", "Enter")
        self.wide.wait_for_url("**/chats/*")
        expect(self.wide.locator(".answer[data-status=done]").first).to_be_visible(timeout=60_000)
        self.rename(title)
        return self.wide.url.removeprefix(self.stack.url)

    def rename(self, title: str) -> None:
        _open_menu(self.wide)
        self.wide.get_by_label("Title").fill(title)
        self.wide.get_by_role("button", name="Rename", exact=True).click()
        expect(self.wide).to_have_title(re.compile(re.escape(title)))

    def upload(self, files: list[Path]) -> None:
        self.wide.goto("/documents/")
        self.wide.set_input_files("input[type=file]", [str(file) for file in files])
        ready = "SELECT 1 FROM documents_document WHERE status = 'ready'"
        self.stack.wait_until(
            lambda: len(self.stack.rows(ready)) == len(files), 180, "Not every document became ready.", every=0.5
        )

    def import_chats(self, file: Path) -> None:
        self.wide.goto("/settings/exchange")
        self.wide.set_input_files("input[type=file]", str(file))
        self.wide.get_by_role("button", name="Import", exact=True).click()
        expect(self.wide.get_by_text("chats imported")).to_be_visible(timeout=60_000)


def _open_menu(page: Page) -> None:
    page.get_by_label("Rename, export or delete this chat").click()


def walk(tour: Tour, scratch: Path) -> None:
    with tour.visitor():
        tour.draw("sign-in", "Sign-in", "/accounts/login/")
        tour.draw("reset", "A new password", "/accounts/password/reset/")
        tour.draw("offline", "Without a connection", "/offline")
    tour.open()
    tour.draw("new", "A new installation", "/")
    tour.draw("library-empty", "The library, empty", "/documents/")
    tour.upload(tour_content.documents(scratch))
    tour.import_chats(tour_content.earlier_chats(scratch))
    cited = tour.ask(tour_content.TITLE, tour_content.QUESTION, tour_content.ANSWER, thinking=tour_content.THOUGHT)
    rich = tour.ask(tour_content.RICH_TITLE, tour_content.RICH_QUESTION, tour_content.RICH_ANSWER)
    _chat(tour, cited, rich)
    _library(tour)
    _organised(tour, cited)
    _shared(tour, cited)
    _settings(tour, cited)
    _evaluate(tour, scratch)
    _administration(tour)


def _chat(tour: Tour, cited: str, rich: str) -> None:
    tour.draw("home", "A new chat", "/")
    tour.draw("answer", "An answer with its sources", cited)
    tour.draw("source", "The cited passage beside the answer", cited, lambda page: page.click(".answer sup a >> nth=0"))
    tour.draw("why", "Why this answer", cited, _ask_why)
    tour.draw("rich", "Code, tables and formulas", rich, lambda page: page.wait_for_timeout(500))
    tour.draw("chat-menu", "What can be done with a chat", cited, _open_menu)
    tour.draw("compared", "Models side by side", _compare(tour))
    tour.draw("pictures", "A question with pictures", _show_pictures(tour))
    tour.draw("searched", "Documents that a chat searches", f"{cited}/documents")
    tour.draw("palette", "Commands and chats by name", cited, lambda page: page.keyboard.press("Control+k"))
    tour.draw("keys", "Keys", cited, lambda page: (page.locator("#chat-title").click(), page.keyboard.press("?")))
    tour.draw("failed", "An answer that failed", _fail(tour))
    # What is being edited stands there again whenever the chat is opened, so the chat is not drawn any more.
    tour.draw("edited", "A question, asked anew in its place", rich, _edit)
    tour.draw("search", "Search in all chats", "/search", _find)
    tour.draw("search-documents", "Search in all documents", "/documents/search", _find)


def _compare(tour: Tour) -> str:
    """The address of a chat in which two models answered side by side."""
    for model, words in tour_content.COMPARED.items():
        tour.model.script(model, text=words, thinking="", tokens_per_second=0)
    tour.wide.goto("/")
    tour.wide.get_by_label("Compare models").click()
    for model in tour_content.COMPARED:
        tour.wide.locator(".compare").get_by_label(re.compile(re.escape(model))).check()
    tour.wide.fill("#question", tour_content.COMPARED_QUESTION)
    tour.wide.press("#question", "Enter")
    tour.wide.wait_for_url("**/chats/*")
    done = tour.wide.locator(".column .answer[data-status=done], .column.answer[data-status=done]")
    expect(done).to_have_count(len(tour_content.COMPARED), timeout=60_000)
    tour.rename(tour_content.COMPARED_TITLE)
    return tour.wide.url.removeprefix(tour.stack.url)


def _edit(page: Page) -> None:
    page.locator(".question").first.hover()
    page.get_by_role("link", name="Edit the question").first.click()
    field = page.get_by_label("Your question, to be asked anew")
    field.wait_for()
    field.press("End")
    field.press_sequentially(" And in a haze?")


def _show_pictures(tour: Tour) -> str:
    """The address of a chat that began with two pictures."""
    tour.model.script(text=tour_content.PICTURES_ANSWER, thinking="", tokens_per_second=0)
    tour.wide.goto("/")
    sees = tour.wide.locator("#model option[data-sees]").first.get_attribute("value")
    tour.wide.select_option("#model", sees)
    files = [{"name": name, "mimeType": "image/png", "buffer": picture} for name, picture in tour_content.pictures()]
    tour.wide.set_input_files("#pictures-file", files)  # type: ignore[arg-type]
    expect(tour.wide.locator("#waiting [data-picture]")).to_have_count(len(files))
    tour.wide.fill("#question", tour_content.PICTURES_QUESTION)
    tour.wide.press("#question", "Enter")
    tour.wide.wait_for_url("**/chats/*")
    expect(tour.wide.locator(".answer[data-status=done]")).to_be_visible(timeout=60_000)
    tour.rename(tour_content.PICTURES_TITLE)
    return tour.wide.url.removeprefix(tour.stack.url)


def _fail(tour: Tour) -> str:
    """The address of a chat whose model was not there."""
    tour.model.script("tiny:1b", text=tour_content.ANSWER, error_at=24, tokens_per_second=0)
    tour.wide.goto("/")
    tour.wide.select_option("#model", "ollama/tiny:1b")
    tour.wide.fill("#question", tour_content.FAILED_QUESTION)
    tour.wide.press("#question", "Enter")
    tour.wide.wait_for_url("**/chats/*")
    ended = tour.wide.locator(".answer:is([data-status=failed], [data-status=interrupted])")
    expect(ended).to_be_visible(timeout=120_000)
    return tour.wide.url.removeprefix(tour.stack.url)


def _ask_why(page: Page) -> None:
    page.get_by_label("Why this answer").last.click()
    page.locator("#panel .why").wait_for()


def _find(page: Page) -> None:
    page.get_by_role("searchbox").first.fill("lighthouse")
    page.keyboard.press("Enter")
    page.locator("mark").first.wait_for()


def _library(tour: Tour) -> None:
    tour.draw("library", "The library", "/documents/")
    ((document, version),) = tour.stack.rows(
        "SELECT document_id, number FROM documents_documentversion WHERE page_count > 20 LIMIT 1"
    )
    tour.draw("document", "A document", f"/documents/{document}")
    tour.draw("page", "A page of it", f"/documents/{document}/versions/{version}/pages/3")

    tour.wide.goto("/documents/collections")
    tour.wide.get_by_label("Name of a new collection").fill("Harbour council")
    tour.wide.keyboard.press("Enter")
    expect(tour.wide.get_by_text("Harbour council").first).to_be_visible()
    tour.draw("collections", "Collections", "/documents/collections")
    ((collection,),) = tour.stack.rows("SELECT id FROM documents_collection LIMIT 1")
    tour.draw("collection", "A collection", f"/documents/collections/{collection}")
    tour.draw("collection-shares", "Who may read a collection", f"/documents/collections/{collection}/shares")


def _shared(tour: Tour, chat: str) -> None:
    tour.wide.goto(f"{chat}/shares")
    tour.wide.get_by_role("button", name="Make a link").click()
    link = tour.wide.locator("#new-link").input_value().removeprefix(tour.stack.url)
    tour.draw("shared-link", "A chat as others see it", link)


def _evaluate(tour: Tour, scratch: Path) -> None:
    asked = tour_content.questions(scratch)
    for note in ("first", "again"):
        tour.stack.manage("evaluate", str(asked), "--owner", ADMIN_EMAIL, "--note", note)


def _organised(tour: Tour, chat: str) -> None:
    tour.draw("organise", "Where a chat belongs", f"{chat}/organise")
    tour.draw("new-folder", "A new folder", "/chats/folders/new")
    tour.draw("all", "All chats", "/chats/all")
    tour.draw("archived", "Archived chats", "/chats/archived")
    tour.draw("deleted", "Deleted chats", "/chats/deleted")
    tour.draw("shared", "Shared with you", "/shared")
    tour.draw("prompts", "Templates of questions", "/prompts")
    tour.draw("new-prompt", "A new template", "/prompts/new")
    tour.draw("personas", "Personas", "/personas")
    tour.draw("new-persona", "A new persona", "/personas/new")


def _settings(tour: Tour, chat: str) -> None:
    tour.draw("settings", "Settings", "/settings")
    tour.draw("instructions", "What models should know", "/settings/instructions")
    tour.draw("chat-settings", "Settings of one chat", f"{chat}/settings")
    tour.draw("sharing", "Who may read a chat", f"{chat}/shares")
    tour.draw("exchange", "Import and export", "/settings/exchange")
    tour.draw("your-data", "Your data", "/settings/data")
    tour.draw("delete-account", "Deleting the account", "/settings/data/delete-account")
    tour.draw("second-factor", "A second factor", "/settings/second-factor")
    tour.draw("password", "Change the password", "/accounts/password/change/")


def _administration(tour: Tour) -> None:
    tour.draw("admin", "Administration", "/admin/")
    tour.draw("admin-users", "Accounts", "/admin/accounts/user/")
    tour.draw("admin-audit", "The audit trail", "/admin/audit/auditevent/")
    tour.draw("admin-documents", "Documents, without their content", "/admin/documents/document/")
    tour.draw("admin-models", "Models", "/admin/models/")
    tour.draw("admin-spaces", "Embedding spaces", "/admin/documents/embeddingspace/")
    tour.draw("admin-evaluation", "Runs of question sets, compared", "/admin/evaluation/run/")
    tour.draw("admin-invitations", "Invitations", "/admin/invitations/invitation/")
    tour.draw("admin-holds", "Legal holds", "/admin/rights/legalhold/")
    tour.draw("admin-settings", "Settings of the installation", "/admin/settings/")
    tour.draw("missing", "A page that is not there", "/nowhere")


def described(drawn: list[tuple[str, str]]) -> str:
    """docs/tour.md."""
    parts = ["# Every page\n", "Drawn by `python -m bench.tour`: a wide window in light, a phone in dark.\n"]
    for name, title in drawn:
        wide, phone = (f"pictures/tour/{name}-{window}.png" for window in ("wide", "phone"))
        parts.append(
            f'## {title}\n\n<img src="{wide}" alt="{title}, wide" width="640"> '
            f'<img src="{phone}" alt="{title}, on a phone" width="187">\n'
        )
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with ModelServer(tokens=40) as model, Stack(model_url=model.url) as stack:
            tour = Tour(browser, stack, model, folder)
            walk(tour, Path(scratch))
        browser.close()
    if folder == FOLDER:
        (PROJECT / "docs/tour.md").write_text(described(tour.drawn), encoding="utf-8")
    print(json.dumps([name for name, _ in tour.drawn]))


if __name__ == "__main__":
    main()
