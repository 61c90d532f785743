"""What the content security policy and the promise "nothing from elsewhere" ask of every template and stylesheet."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SHEETS = sorted((ROOT / "static").rglob("*.css"))
SCRIPTS = sorted((ROOT / "static").rglob("*.js"))
SPRITE = ROOT / "static" / "icons" / "sprite.svg"

_TAG = re.compile(r"<[a-zA-Z][^<>]*(?:\{[{%].*?[%}]\}[^<>]*)*>", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}|<!--.*?-->", re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def markup(path: Path) -> str:
    return _COMMENT.sub("", path.read_text())


each_template = pytest.mark.parametrize("path", TEMPLATES, ids=name)


def test_there_are_templates_sheets_and_scripts_to_look_at() -> None:
    assert len(TEMPLATES) > 15
    assert len(SHEETS) >= 3
    assert len(SCRIPTS) >= 4


@each_template
def test_a_template_compiles(path: Path) -> None:
    assert get_template(str(path.relative_to(ROOT / "templates")))


@each_template
def test_a_template_has_no_inline_style_script_or_handler(path: Path) -> None:
    text = markup(path)
    assert "<style" not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    for tag in _TAG.findall(text):
        assert not re.search(r"\s(style|on[a-z]+|hx-on[:\w-]*)\s*=", tag), tag
        assert "javascript:" not in tag


@each_template
def test_a_template_needs_no_evaluated_code(path: Path) -> None:
    """The policy forbids eval: htmx must not be asked to run filters or js: values."""
    text = markup(path)
    for trigger in re.findall(r'hx-trigger="([^"]*)"', text):
        assert "[" not in trigger
    assert not re.search(r"hx-(vals|headers|confirm)[:\w]*=[\"'](js|javascript):", text)


@each_template
def test_a_template_loads_nothing_from_elsewhere(path: Path) -> None:
    for address in re.findall(r"\b(?:src|href|action|hx-\w+)=[\"']((?:https?:)?//[^\"']*)", markup(path)):
        pytest.fail(f"{address} is not on this server")


@each_template
def test_every_icon_of_a_template_is_in_the_sprite(path: Path) -> None:
    known = set(re.findall(r'<symbol id="([\w-]+)"', SPRITE.read_text()))
    # What a variable names is known only when it is rendered.
    used = set(re.findall(r'\{% icon "([^"]*)" %\}', markup(path)))
    for reference in re.findall(r'<use [^>]*href="([^"]*)"', markup(path)):
        used.add(reference.partition("#")[2])
    assert used <= known


@each_template
def test_every_icon_is_hidden_from_assistive_technology(path: Path) -> None:
    for tag in re.findall(r"<svg\b[^>]*>", markup(path)):
        assert "aria-hidden" in tag or "aria-label" in tag or 'role="img"' in tag, tag


@each_template
def test_every_button_with_only_an_icon_has_a_name(path: Path) -> None:
    for attributes, content in re.findall(r"<button\b([^>]*)>(.*?)</button>", markup(path), re.DOTALL):
        words = re.sub(r"<svg.*?</svg>", "", content, flags=re.DOTALL)
        words = re.sub(r"<[^>]*>|\{%.*?%\}", "", words).strip()
        assert words or "aria-label" in attributes, attributes


@each_template
def test_a_button_that_posts_by_itself_has_a_form(path: Path) -> None:
    """Without scripts a `formaction` alone sends nothing. Bubbles have no form of their own: the page's is #actions."""
    text = markup(path)
    for tag in re.finditer(r"<button\b[^>]*\bformaction=[^>]*>", text):
        before = text[: tag.start()]
        is_within = before.count("<form") > before.count("</form")
        assert is_within or 'form="actions"' in tag[0], tag[0]


def test_the_form_of_all_bubbles_stands_on_the_page() -> None:
    text = markup(ROOT / "templates" / "chats" / "conversation.html")
    assert re.search(r'<form id="actions" method="post" hidden>\{% csrf_token %\}</form>', text)


@pytest.mark.parametrize("path", SHEETS, ids=name)
def test_a_stylesheet_loads_nothing_and_says_what_it_holds(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("/*")
    assert "@import" not in text
    assert "@font-face" not in text
    assert not re.search(r"url\(\s*['\"]?(?!data:)", text)
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_loads_nothing_from_elsewhere_and_evaluates_nothing(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert not re.search(r"\beval\(|new Function\(|\.cssText\b|setAttribute\(\s*[\"']style", text)


def test_both_themes_and_reduced_motion_are_designed() -> None:
    text = (ROOT / "static" / "css" / "base.css").read_text()
    assert "color-scheme: light dark" in text
    assert ':root[data-theme="dark"] { color-scheme: dark; }' in text
    assert "prefers-reduced-motion: reduce" in text
    assert ":focus-visible" in text
