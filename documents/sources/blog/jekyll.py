"""Which files are posts, which of them are published, and what is known about each, by Jekyll's rules.

A blog has its posts in folders named _posts, at any depth, under names such as 2015-07-15-openfec-api.md; folders above
_posts are categories. A folder without any _posts is taken as other programs keep blogs: every Markdown file that has
front matter is a post. https://jekyllrb.com/docs/posts/, /docs/permalinks/, /docs/front-matter/
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from documents.sources.blog import front_matter, liquid

EXTENSIONS = {".md", ".markdown", ".mkd", ".mkdn", ".mkdown"}
_DATED = re.compile(r"(\d{4}|\d{2})-(\d{1,2})-(\d{1,2})-(.+)")
STYLES = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title.html",
    "weekdate": "/:categories/:year/W:week/:short_day/:title.html",
    "none": "/:categories/:title.html",
}
_PLACEHOLDER = re.compile(r":([a-z_]+)")


@dataclass(frozen=True)
class Site:
    """What _config.yml says, as far as it matters. `url` has no slash at its end; "" where it is not known."""

    url: str = ""
    permalink: str = "date"
    zone: dt.tzinfo = dt.UTC

    @property
    def template(self) -> str:
        return STYLES.get(self.permalink, self.permalink)


@dataclass(frozen=True)
class Post:
    """`text` is what a reader reads: the title as a heading, and the body without template tags.

    `published_on` is the day in the site's own time zone.
    """

    title: str
    text: str
    published_on: dt.date | None
    categories: Sequence[str]
    tags: Sequence[str]
    url: str
    is_mended: bool


@dataclass(frozen=True)
class NotPublished:
    """Why a file is no post that a visitor would see."""

    reason: str  # draft, unpublished, future, undated, no_front_matter


def is_in_posts(path: PurePath) -> bool:
    """`path` is relative to the blog's folder."""
    return "_posts" in path.parts[:-1]


def is_draft(path: PurePath) -> bool:
    return "_drafts" in path.parts[:-1]


def read(
    path: PurePath, text: str, site: Site, *, now: dt.datetime, named_by_date: bool, drafts: bool, future: bool
) -> Post | NotPublished:
    """`path` is relative to the blog's folder; `named_by_date`: a file without a date in its name is no post.

    Raises front_matter.Unreadable.
    """
    found = front_matter.parse(text)
    facts, draft = found.facts, is_draft(path)
    dated = _DATED.fullmatch(path.stem)
    if named_by_date and not dated and not draft:
        return NotPublished("undated")
    if not named_by_date and not found.has_facts:
        return NotPublished("no_front_matter")
    if (draft or facts.get("draft") is True) and not drafts:
        return NotPublished("draft")
    if facts.get("published") is False:
        return NotPublished("unpublished")
    moment = front_matter.moment_of(facts.get("date"), site.zone) or _moment_in_name(dated, site.zone)
    if moment is not None and moment > now and not future:
        return NotPublished("future")
    slug = front_matter.text_of(facts.get("slug")) or (dated[4] if dated else path.stem)
    title = front_matter.text_of(facts.get("title")) or _title_of(slug)
    categories = [*_folders_above(path), *front_matter.labels_of(facts, "category", "categories")]
    categories = list(dict.fromkeys(categories))
    return Post(
        title=title,
        text=f"# {title}\n\n{liquid.without_tags(found.body).strip()}\n",
        published_on=moment.astimezone(site.zone).date() if moment else None,
        categories=categories,
        tags=front_matter.labels_of(facts, "tag", "tags"),
        url=address(site, facts, slug, categories, moment),
        is_mended=found.is_mended,
    )


def address(
    site: Site, facts: Mapping[str, Any], slug: str, categories: Sequence[str], moment: dt.datetime | None
) -> str:
    """Where the post is published; "" where the site's own address is not known."""
    if not site.url:
        return ""
    template = front_matter.text_of(facts.get("permalink")) or site.template
    template = STYLES.get(template, template)
    day = moment.astimezone(site.zone) if moment else None
    values = {
        "categories": "/".join(_slug(category) for category in categories),
        "title": _slug(slug),
        "slug": _slug(slug),
        "name": _slug(slug),
        "output_ext": ".html",
        **(_of_day(day) if day else {}),
    }
    path = _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)
    path = re.sub(r"/{2,}", "/", f"/{path}")
    made = site.url + quote(path, safe="/%:@!$&'()*+,;=~-._")
    # A permalink may be whatever somebody wrote: it stays on the site.
    return made if urlsplit(made).netloc == urlsplit(site.url).netloc else ""


def site_of(config: str, *, base_url: str, permalink: str, zone: dt.tzinfo) -> Site:
    """From the text of _config.yml, "" where there is none. What is given by the operator wins."""
    facts: Mapping[str, Any] = {}
    try:
        facts = front_matter.parse(f"---\n{config}\n---\n").facts if config.strip() else {}
    except front_matter.Unreadable:
        facts = {}
    url = base_url or _site_address(facts)
    return Site(
        url=url.rstrip("/"),
        permalink=permalink or front_matter.text_of(facts.get("permalink")) or "date",
        zone=_zone(front_matter.text_of(facts.get("timezone"))) or zone,
    )


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username and " " not in url


def _site_address(facts: Mapping[str, Any]) -> str:
    url = front_matter.text_of(facts.get("url")).rstrip("/")
    if not is_web_address(url):
        return ""
    return urljoin(f"{url}/", front_matter.text_of(facts.get("baseurl")).strip("/"))


def _zone(name: str) -> dt.tzinfo | None:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError):
        return None


def _moment_in_name(dated: "re.Match[str] | None", zone: dt.tzinfo) -> dt.datetime | None:
    if dated is None:
        return None
    year = int(dated[1]) + (2000 if len(dated[1]) == 2 else 0)
    try:
        return dt.datetime(year, int(dated[2]), int(dated[3]), tzinfo=zone)
    except ValueError:
        return None


def _folders_above(path: PurePath) -> list[str]:
    for mark in ("_posts", "_drafts"):
        if mark in path.parts[:-1]:
            return list(path.parts[: path.parts.index(mark)])
    return []


def _title_of(slug: str) -> str:
    return " ".join(word.capitalize() for word in re.split(r"[-_\s]+", slug) if word) or slug


def _slug(text: str) -> str:
    """Small letters and figures of any script, with single dashes between."""
    kept = "".join(c if c.isalnum() else "-" for c in unicodedata.normalize("NFC", text).lower())
    return re.sub(r"-+", "-", kept).strip("-")


def _of_day(day: dt.datetime) -> dict[str, str]:
    return {
        "year": f"{day:%Y}",
        "short_year": f"{day:%y}",
        "month": f"{day:%m}",
        "i_month": str(day.month),
        "short_month": f"{day:%b}",
        "day": f"{day:%d}",
        "i_day": str(day.day),
        "y_day": f"{day:%j}",
        "short_day": f"{day:%a}",
        "week": f"{day:%V}",
        "hour": f"{day:%H}",
        "minute": f"{day:%M}",
        "second": f"{day:%S}",
    }
