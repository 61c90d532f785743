"""axe finds nothing of level A or AA, on any page. The pages are found by walking the URL table (tests/routes.py)."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pygments.token import STANDARD_TYPES
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats import conversation as conversations
from chats import presentation
from chats.markdown import code_shell
from chats.models import Message
from tests.interface.accessibility import complaints
from tests.routes import PUBLIC, ROUTES, Route, World, signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

THEMES = ("light", "dark")
WIDTHS = (320, 1440)
LOOKS = [(theme, width) for theme in THEMES for width in WIDTHS]
themes = pytest.mark.parametrize("theme", THEMES)
looks = pytest.mark.parametrize(("theme", "width"), LOOKS, ids=[f"{theme}-{width}" for theme, width in LOOKS])
# Leads out, so that nothing after it could be seen.
LAST = {"account_logout"}

RICH = """# Heading

Some **words**, `code`, a [link](https://example.org), $a^2$ and a note[^1].

- [x] done
- [ ] to do

```python
@decorator
def f(x: int = 0x1F) -> str:  # a comment
    "words"
    return f"{x!r} of {None}" + 'y' * 2  # ends
```

```diff
- old
+ new
@@ -1 +1 @@
```

```html
<!-- remark --><a href="x" class='y'>&amp;</a>
```

| name | sum |
|------|----:|
| a    |   1 |

> quoted

$$\\int_0^1 x\\,dx$$

[^1]: The note.
"""


@pytest.fixture
def visit(chromium: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
    yield context
    context.close()


def _every_kind_of_code() -> str:
    """A word of each kind that code is coloured by."""
    kinds = sorted(kind for kind in STANDARD_TYPES.values() if kind)
    before, after = code_shell("text")
    return before + " ".join(f'<span class="{kind}">{kind}</span>' for kind in kinds) + after


def _page(context: BrowserContext, live_server: LiveServer, user: User | None, theme: str, width: int) -> Page:
    if user:
        cookie = signed_in(user).cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.route_web_socket("**/ws/**", lambda _socket: None)
    return page


def _is_page(context: BrowserContext, address: str) -> bool:
    """Not a fragment, a file, or what answers to POST alone."""
    response = context.request.get(address)
    is_html = response.headers.get("content-type", "").startswith("text/html")
    return response.status != 405 and is_html and "<html" in response.text()


def _complaints_at_every_width(page: Page, theme: str) -> list[str]:
    """Two of the rules ask for colours: in the dark they alone are looked at once more."""
    rules = ["color-contrast", "link-in-text-block"] if theme == "dark" else []
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width} px: {said}" for said in complaints(page, *rules)]
    return found


def _inspect(page: Page, routes: list[Route], world: World, theme: str) -> tuple[dict[str, list[str]], set[str]]:
    """Complaints by the route they are about, and the paths of the pages that were looked at."""
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for route in sorted(routes, key=lambda route: route.name in LAST):
        address = route.address(world)
        if not _is_page(page.context, address):
            continue
        page.goto(address)
        path = urlsplit(page.url).path
        if path not in seen and (said := _complaints_at_every_width(page, theme)):
            found[f"{route} {address}"] = said
        seen.add(path)
    return found, seen


@themes
def test_no_page_of_somebody_who_may_do_everything(
    visit: BrowserContext, live_server: LiveServer, admin_user: User, theme: str
) -> None:
    page = _page(visit, live_server, admin_user, theme, WIDTHS[0])
    found, seen = _inspect(page, ROUTES, World.of(admin_user), theme)
    assert not found, "\n".join(f"{where}\n    " + "\n    ".join(said) for where, said in found.items())
    assert {"/", "/documents/", "/search", "/settings", "/admin/"} <= seen


@themes
def test_no_page_before_signing_in(visit: BrowserContext, live_server: LiveServer, owner: User, theme: str) -> None:
    page = _page(visit, live_server, None, theme, WIDTHS[0])
    found, seen = _inspect(page, [route for route in ROUTES if route.name in PUBLIC], World.of(owner), theme)
    assert not found, "\n".join(f"{where}\n    " + "\n    ".join(said) for where, said in found.items())
    assert {"/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"} <= seen


@looks
def test_no_state_of_a_conversation(
    visit: BrowserContext, live_server: LiveServer, owner: User, theme: str, width: int
) -> None:
    chat = conversations.start(owner)
    statuses = {}
    for status in Message.Status.values:
        answer = conversations.post_message(chat, f"A question whose answer is {status}").answer
        answer.content, answer.status = RICH, Message.Status.DONE
        answer.html = presentation.final_html(RICH, {}, message_id=answer.pk) + _every_kind_of_code()
        answer.save()
        statuses[answer.pk] = status
    for answer_id, status in statuses.items():
        Message.objects.filter(pk=answer_id).update(status=status)
    page = _page(visit, live_server, owner, theme, width)
    page.goto(f"/chats/{chat.pk}")
    page.wait_for_load_state("load")
    assert page.locator(".answer").count() == len(Message.Status.values)
    assert complaints(page) == []
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Find a chat or a command").press("ArrowDown")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    page.locator("#scroll").focus()
    page.keyboard.press("?")
    assert complaints(page) == []
