"""What a post says about itself, and what Jekyll makes of it."""

import datetime as dt
from pathlib import PurePath

import pytest

from documents.sources.blog import front_matter, jekyll, liquid
from documents.sources.blog.jekyll import NotPublished, Post, Site

NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
SITE = Site(url="https://example.org")


def read(path: str, text: str, site: Site = SITE, **options: bool) -> Post | NotPublished:
    chosen = {"named_by_date": True, "drafts": False, "future": False, **options}
    return jekyll.read(PurePath(path), text, site, now=NOW, **chosen)


@pytest.mark.parametrize(
    ("facts", "labels"),
    [
        ("tags: [a, b c]", ["a", "b c"]),
        ("tags: a b", ["a", "b"]),
        ("tags: one thing, another", ["one thing", "another"]),
        ("tag: one thing", ["one thing"]),
        ("tags:\n- 2024\n- yes\n- a\n- a", ["2024", "a"]),
        ("tags: {a: b}", []),
        ("tags:", []),
    ],
)
def test_labels(facts: str, labels: list[str]) -> None:
    assert front_matter.labels_of(front_matter.parse(f"---\n{facts}\n---\n").facts, "tag", "tags") == labels


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2015-07-15", dt.datetime(2015, 7, 15, tzinfo=dt.UTC)),
        ("2015-07-15 10:30:00 -0500", dt.datetime(2015, 7, 15, 15, 30, tzinfo=dt.UTC)),
        ("2015-7-5 10:30", dt.datetime(2015, 7, 5, 10, 30, tzinfo=dt.UTC)),
        ("'2015-07-15T10:30:00Z'", dt.datetime(2015, 7, 15, 10, 30, tzinfo=dt.UTC)),
        ("soon", None),
        ("'2015-02-31'", None),
        ("[2015]", None),
    ],
)
def test_dates(written: str, moment: dt.datetime | None) -> None:
    facts = front_matter.parse(f"---\ndate: {written}\n---\n").facts
    assert front_matter.moment_of(facts["date"], dt.UTC) == moment


def test_front_matter_with_a_tab_or_that_is_no_yaml_is_mended_as_far_as_it_goes() -> None:
    tabbed = front_matter.parse("---\ntitle: A\ntags:\n\t- x\n---\nBody")
    assert (tabbed.facts, tabbed.is_mended, tabbed.body) == ({"title": "A", "tags": ["x"]}, True, "Body")
    colon = front_matter.parse("---\ntitle: A: B\ndate: 2015-07-15\n---\nBody")
    assert (colon.facts, colon.is_mended) == ({"title": "A: B", "date": "2015-07-15"}, True)
    for nothing in ("---\n- a\n- b\n---\n", "---\n{ [ :\n---\n", f"---\n{'x' * 70_000}\n---\n"):
        with pytest.raises(front_matter.Unreadable):
            front_matter.parse(nothing)


def test_hostile_yaml_makes_no_objects_and_no_giants() -> None:
    with pytest.raises(front_matter.Unreadable):
        front_matter.parse("---\n!!python/object/apply:os.system ['true']\n---\n")
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    facts = front_matter.parse(f"---\n{bomb}tags: *i\n---\n").facts
    assert front_matter.labels_of(facts, "tag", "tags") == []


def test_a_rule_of_dashes_is_no_front_matter() -> None:
    post = front_matter.parse("Text\n\n---\n\nMore")
    assert (post.has_facts, post.body) == (False, "Text\n\n---\n\nMore")
    assert front_matter.parse("\ufeff---\r\ntitle: A\r\n---\r\nBody").facts == {"title": "A"}
    assert front_matter.parse("---\n---\nBody").body == "Body"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('[a]({{ "/b/" | relative_url }})', "[a](/b/)"),
        ("{% include image.html src='x' %}Text{{ page.date }}", "Text"),
        ("{% highlight ruby %}\nputs 1\n{% endhighlight %}", "```ruby\nputs 1\n```"),
        ("{% raw %}{{ kept }}{% endraw %} {{ gone }}", "{{ kept }} "),
        ("a{% comment %} secret {% endcomment %}b", "ab"),
        ("![x](y){:.left}", "![x](y)"),
        ("{% broken", "{% broken"),
    ],
)
def test_template_tags(text: str, plain: str) -> None:
    assert liquid.without_tags(text) == plain


@pytest.mark.parametrize(
    ("permalink", "address"),
    [
        ("date", "https://example.org/news/big-one/2015/07/05/a-post.html"),
        ("pretty", "https://example.org/news/big-one/2015/07/05/a-post/"),
        ("ordinal", "https://example.org/news/big-one/2015/186/a-post.html"),
        ("none", "https://example.org/news/big-one/a-post.html"),
        ("/:year/:i_month/:i_day/:title/", "https://example.org/2015/7/5/a-post/"),
    ],
)
def test_addresses(permalink: str, address: str) -> None:
    post = read("_posts/2015-07-05-a-post.md", "---\ncategories: [News, Big One]\n---\n", Site(SITE.url, permalink))
    assert isinstance(post, Post)
    assert post.url == address


def test_a_post_s_own_address_and_slug_win_and_stay_on_the_site() -> None:
    def url(facts: str) -> str:
        post = read("_posts/2015-07-05-a-post.md", f"---\n{facts}\n---\n")
        assert isinstance(post, Post)
        return post.url

    assert url("permalink: /own/") == "https://example.org/own/"
    assert url("slug: Other Name") == "https://example.org/2015/07/05/other-name.html"
    assert url("permalink: //evil.example/x") == "https://example.org/evil.example/x"
    assert url("permalink: '@evil.example'") == "https://example.org/@evil.example"


def test_folders_above_the_posts_are_categories_and_a_title_is_made_of_the_name() -> None:
    post = read("news/local/_posts/2015-07-05-a-post.md", "No front matter.")
    assert isinstance(post, Post)
    assert (post.title, list(post.categories), post.text) == (
        "A Post",
        ["news", "local"],
        "# A Post\n\nNo front matter.\n",
    )


def test_other_blogs_have_no_folder_of_posts() -> None:
    post = read("content/a.md", "---\ntitle: A\ndate: 2015-07-05\n---\n", named_by_date=False)
    assert isinstance(post, Post)
    assert post.published_on == dt.date(2015, 7, 5)
    assert read("README.md", "No front matter.", named_by_date=False) == NotPublished("no_front_matter")
    assert read("content/a.md", "---\ndraft: true\n---\n", named_by_date=False) == NotPublished("draft")


def test_what_the_configuration_says() -> None:
    config = "url: https://a.example/\nbaseurl: /blog\npermalink: pretty\ntimezone: Europe/Berlin\n"
    site = jekyll.site_of(config, base_url="", permalink="", zone=dt.UTC)
    assert (site.url, site.permalink, str(site.zone)) == ("https://a.example/blog", "pretty", "Europe/Berlin")
    assert jekyll.site_of("{ [", base_url="https://b.example", permalink="none", zone=dt.UTC) == Site(
        "https://b.example", "none"
    )
    assert jekyll.site_of("url: javascript:x", base_url="", permalink="", zone=dt.UTC).url == ""
