"""Models' Markdown becomes HTML that is safe and complete."""

import re

import pytest

from chats.highlighting import Budget
from chats.markdown import parser, render


def test_common_markdown_is_rendered() -> None:
    html = render("# Title\n\n**bold** _it_ ~~gone~~\n\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h1>Title</h1>" in html
    assert "<strong>bold</strong>" in html
    assert "<em>it</em>" in html
    assert "<s>gone</s>" in html
    assert 'type="checkbox"' in html
    assert '<div class="table-scroll"' in html


def test_code_is_highlighted_and_labelled() -> None:
    html = render("```python\ndef f():\n    return '<b>'\n```\n")
    assert '<span class="k">def</span>' in html
    assert "<figcaption><span>python</span>" in html
    assert "&lt;b&gt;" in html


def test_an_unknown_language_is_shown_plain() -> None:
    assert "<code>x &lt; y\n</code>" in render("```nosuchlanguage\nx < y\n```\n")


def test_math_becomes_mathml() -> None:
    html = render("Euler: $e^{i\\pi}+1=0$ and\n\n$$\\int_0^1 x\\,dx$$\n")
    assert html.count("<math") == 2
    assert 'display="block"' in html


@pytest.mark.parametrize(
    "text", [r"so $a<b$ holds", r"so \(a<b\) holds", "$$\na<b\n$$", "\\[\na<b\n\\]", "so $$ a<b $$ holds"]
)
def test_a_formula_brings_what_was_typed_along(text: str) -> None:
    html = render(text)
    assert html.count('<annotation encoding="application/x-tex">a&lt;b</annotation></semantics></math>') == 1
    assert re.search(r"<math[^>]*><semantics><mrow>", html)


def test_a_formula_with_an_element_in_its_words_leaves_nothing_open() -> None:
    html = render(r"$\text{a</math><math>b}$ and $c$")
    assert html.count("<semantics>") == html.count("</semantics>") == 1


def test_the_outermost_list_quote_and_table_run_as_their_own_words_do() -> None:
    html = render("Look:\n\n- א\n  1. b\n     > c\n\n3. d\n\n> - e\n\n| f |\n|---|\n| g |\n\n- | h |\n  |---|\n")
    assert re.findall(r"<(?:ul|ol|blockquote|div)[^>]*>", html) == [
        '<ul dir="auto">',
        "<ol>",
        "<blockquote>",
        '<ol start="3" dir="auto">',
        '<blockquote dir="auto">',
        "<ul>",
        '<div class="table-scroll" tabindex="0" role="group" aria-label="Table" dir="auto">',
        '<ul dir="auto">',
        '<div class="table-scroll" tabindex="0" role="group" aria-label="Table">',
    ]


def test_what_is_very_long_comes_in_parts_that_end_with_a_paragraph() -> None:
    block = "One[^1] paragraph.\n\n- a\n- b\n\n```\ncode\n```\n\n"
    text = block * 200 + "[^1]: The note.\n"
    html = render(text)
    parts = html.removeprefix('<div class="part">').removesuffix("</div>").split('</div><div class="part">')
    assert all(part.endswith("</p>\n") for part in parts[:-1])
    assert len(parts) == 29
    assert "".join(parts).count("<ul") == "".join(parts).count("<figure") == 200
    assert 'class="part"' not in render(block * 10)
    # The same words as without parts, the numbers of notes included.
    markdown = parser()
    assert "".join(parts) == markdown.render(text, {"citations": {}, "highlight": Budget()})


def test_prices_are_not_math() -> None:
    assert "<math" not in render("It costs $5 and then $6 more.")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "![x](javascript:alert(1))",
        '[x](https://a.invalid "onmouseover=alert(1)")',
        "[x](//evil.invalid/a)",
        "<a href='javascript:alert(1)'>x</a>",
        '```"><script>alert(1)</script>\ncode\n```',
        "$\\href{javascript:alert(1)}{x}$",
        "$<script>alert(1)</script>$",
        "$\\text{<img src=x onerror=alert(1)>}$",
    ],
)
def test_hostile_output_is_harmless(hostile: str) -> None:
    html = render(hostile)
    tags = re.findall(r"<[^>]*>", html)
    assert not [tag for tag in tags if re.search(r"<(script|img|iframe|object|style)", tag, re.IGNORECASE)]
    assert not [tag for tag in tags if re.search(r"\son\w+\s*=", re.sub(r'"[^"]*"', '""', tag))]
    assert not re.search(r'(href|src)="\s*(javascript|data|vbscript|//)', html, re.IGNORECASE)


def test_images_become_links_so_that_nothing_is_fetched() -> None:
    html = render("![a chart](https://tracker.invalid/p.png)")
    assert "<img" not in html
    assert 'href="https://tracker.invalid/p.png"' in html
    assert ">a chart</a>" in html


def test_citation_marks_lead_to_their_source_and_others_stay_text() -> None:
    html = render("As said [1], and [7].", {1: "/here/1"})
    assert 'href="/here/1"' in html
    assert "[7]" in html


@pytest.mark.parametrize(
    ("text", "marks"), [("of it [1]:", 1), ("both [1][2].", 2), ("[1](https://a.b)", 0), ("a [1] b", 1)]
)
def test_marks_are_found_as_models_write_them(text: str, marks: int) -> None:
    html = render(text, {1: "/here/1", 2: "/here/2"})
    assert html.count('class="cite"') == marks


def test_a_mark_in_code_is_code() -> None:
    assert "/here/1" not in render("`a[1]`", {1: "/here/1"})


def test_five_thousand_nested_quotes_do_not_break_it() -> None:
    assert "deep" in render(">" * 5000 + " deep")


def test_columns_are_aligned_without_inline_style() -> None:
    html = render("| name | sum |\n| --- | ---: |\n| a | 1 |")
    assert '<td align="right">1</td>' in html
    assert "style=" not in html


@pytest.mark.parametrize(
    ("text", "formulas", "displayed"),
    [
        (r"Where \(a^2\) stands", 1, 0),
        (r"so \[x = 1\] holds", 1, 1),
        ("\\[\na_1\n- b\n= c\n\\]", 1, 1),
        ("- one\n  \\[ x \\]\n- two", 1, 1),
        (r"in `\(code\)`", 0, 0),
        (r"\\(a\\)", 0, 0),
        (r"\[a\\]", 0, 0),
        (r"\(no end", 0, 0),
        (r"\[\\\]", 0, 0),
        ("\\[\nno\n\nend \\]", 0, 0),
    ],
)
def test_formulas_between_brackets(text: str, formulas: int, displayed: int) -> None:
    html = render(text)
    assert html.count("<math") == formulas
    assert html.count('display="block"') == displayed


def test_no_text_names_an_element_of_the_page() -> None:
    html = render("$$a$$ (composer)\n\n$$\na\n$$ (composer)\n\n# composer\n\n[^composer]\n\n[^composer]: x")
    assert set(re.findall(r' id="([^"]*)"', html)) <= {"fn1", "fnref1"}


@pytest.mark.parametrize(
    ("piece", "times"),
    [
        ("x", 1_000_000),
        ("word ", 200_000),
        (r"\(", 50_000),
        (r"\[ a ", 50_000),
        ("\\[\n", 20_000),
        ("$$a", 10_000),
        ("[", 50_000),
        ("![", 50_000),
        ("^[", 50_000),
        ("- [ ] a\n", 20_000),
        ("|", 100_000),
        ("|-|-|\n", 10_000),
        ("*a **b ", 20_000),
        ("<http:", 50_000),
        ("[^a]", 10_000),
        ("&", 200_000),
    ],
)
def test_endless_repetition_loses_nothing_and_ends(piece: str, times: int) -> None:
    # What takes a time that grows with the square of the length would meet the time-out of a test.
    words = re.sub(r"<[^>]*>", "", render(f"{piece * times}]"))
    assert len(words) >= times


def test_footnotes_of_two_answers_on_one_page_do_not_share_their_places() -> None:
    def places(name: str) -> set[str]:
        return set(re.findall(r' id="([^"]*)"', render("It is so[^1].\n\n[^1]: Said by all.\n", name=name)))

    assert len(places("a")) == len(places("b")) == 2
    assert places("a").isdisjoint(places("b"))


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("[bank.com](https://evil.example/bank.com)", "bank.com (evil.example)"),
        ("[Sign in at https://bank.com/](https://evil.example)", "Sign in at https://bank.com/ (evil.example)"),
        ("[https://bank.com](https://bank.com@evil.example/)", "https://bank.com (evil.example)"),
        ("<https://\u0430pple.com/>", "https://\u0430pple.com/ (xn--pple-43d.com)"),
        ("[here](https://\u0430\u0440\u0440\u04cf\u0435.com)", "here (xn--80ak6aa92e.com)"),
        ("[a\u202egro.knab](https://evil.example)", "agro.knab (evil.example)"),
        ("[bank.com](https://www.bank.com/)", "bank.com"),
        ("[b\u00fccher.example](https://b\u00fccher.example/)", "b\u00fccher.example"),
        (
            "<https://\u043f\u0440\u0438\u043c\u0435\u0440.example>",
            "https://\u043f\u0440\u0438\u043c\u0435\u0440.example",
        ),
        ("[a page](https://example.org/a.html)", "a page"),
        ("[bank.com](/here)", "bank.com"),
        ("[mail](mailto:a@b.example)", "mail"),
    ],
)
def test_a_link_says_where_it_leads_if_its_words_say_something_else(link: str, said: str) -> None:
    assert re.sub(r"<[^>]*>", "", render(link)).strip() == said


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("See https://example.org/a_b(c)?d=1, please.", "https://example.org/a_b(c)?d=1"),
        ("(http://localhost:8000/x)", "http://localhost:8000/x"),
        ("**https://example.org**", "https://example.org"),
        ("_https://example.org/a_", "https://example.org/a"),
        ("https://example.org/?a=$b&c=*d*e", "https://example.org/?a=$b&amp;c=*d*e"),
        ("(see https://example.org/a_(b))", "https://example.org/a_(b)"),
        ("\u89c1https://example.org/\u3002", "https://example.org/"),
        ("HTTPS://example.org", "HTTPS://example.org"),
        ("mailto:somebody@example.org", "mailto:somebody@example.org"),
        ('https://example.org/"onmouseover=alert(1)', "https://example.org/"),
    ],
)
def test_an_address_by_itself_is_a_link(text: str, address: str) -> None:
    assert re.findall(r'<a href="([^"]*)" rel="noopener noreferrer nofollow" target="_blank">', render(text)) == [
        address
    ]


@pytest.mark.parametrize(
    "text",
    [
        "`https://example.org`",
        "example.org",
        "//example.org/x",
        "ftp://example.org",
        "javascript://example.org",
        "a@b.org",
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert "<a" not in render(text)


def test_an_address_in_the_words_of_a_link_is_none_of_its_own() -> None:
    assert render("[at https://a.example](https://b.example)").count("<a") == 1


@pytest.mark.parametrize("sign", ["\u2044", "\u2215", "\u29f8", "\u115f", "\u3164"])
def test_a_sign_that_no_name_may_hold_names_the_host(sign: str) -> None:
    assert re.search(r"</a> \(bank\.xn--[\w-]+\.evil\.example\)", render(f"https://bank.com{sign}login.evil.example/"))


def test_a_name_with_a_letter_of_its_language_is_none_that_deceives() -> None:
    assert "</a></p>" in render("https://fa\u00df.de/")


def test_a_bare_address_that_deceives_says_so() -> None:
    assert "(xn--pple-43d.com)" in render("https://\u0430pple.com/")
    assert "(evil.example)" in render("https://bank.com@evil.example/")


@pytest.mark.parametrize("text", ["`a\u202eb`", "```\na\u202eb\n```", "```python\na\u202eb\n```", "    a\u202eb"])
def test_what_turns_code_around_is_seen_and_ends_there(text: str) -> None:
    html = render(text)
    assert '<span class="control" data-character="U+202E">\u202e</span>' in html
    assert html.count("\u202e") == 1


@pytest.mark.parametrize(
    "unseen",
    [
        *(0xA0, 0xAD, 0x34F, 0x115F, 0x1160, 0x180E, 0x2003, 0x200B, 0x2061, 0x2066, 0x206A, 0x2800, 0x3164, 0xFEFF),
        *(0xFFA0, 0xFFF9, 0xE0041),
    ],
    ids=hex,
)
def test_what_nobody_sees_in_code_has_a_mark(unseen: int) -> None:
    assert f'data-character="U+{unseen:04X}"' in render(f"`a{chr(unseen)}b`")


def test_code_keeps_what_lays_it_out_and_what_joins_signs() -> None:
    family = "\U0001f468\u200d\U0001f469"
    assert "control" not in render(f"```\n\ta {family}\n```")


def test_words_run_as_they_are_written() -> None:
    assert render("abc \u202edef\u202c and \u202dghi") == "<p>abc def\u202c and ghi</p>\n"
