"""`manage.py ingest_blog`: a blog kept in a library."""

import datetime as dt
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from accounts.tenancy import acting_as
from documents import blobs
from documents.models import Collection, Document
from documents.sources.models import Label, Publication, Source
from tests.library.sources.conftest import Command

pytestmark = pytest.mark.django_db

run = Command("ingest_blog")

FIRST = """---
title: "Stones / a beginning"
date: 2019-05-04 10:00:00 +0200
categories: building history
tags: [granite, "Old walls"]
---

Granite stands in the {{ site.name }} harbour wall. See [the wall]({{ "/2019/wall/" | url }}).
"""


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    root = tmp_path / "blog"
    posts = root / "_posts"
    posts.mkdir(parents=True)
    (posts / "2019-05-04-stones.md").write_text(FIRST)
    for number in range(1, 7):
        (posts / f"2020-01-0{number}-post-{number}.md").write_text(f"---\ntags: numbers\n---\nPost number {number}.\n")
    (root / "_config.yml").write_text("url: https://stones.example.org\npermalink: pretty\n")
    (root / "about.md").write_text("---\ntitle: About\n---\nNo post.\n")
    return root


def named(name: str) -> Document:
    return next(document for document in Document.objects.all() if document.name == name)


def text(document: Document) -> str:
    version = document.versions.order_by("-number").first()
    with blobs.open_blob(version.blob, owner_id=document.owner_id) as file:
        return file.read().decode()


def test_a_post_is_a_document_with_its_facts(blog: Path, owner: User, stranger: User) -> None:
    assert "7 added, 0 changed" in run(blog, owner, collection="Blog")

    document = named("Stones ∕ a beginning.md")
    assert text(document).startswith("# Stones / a beginning\n\nGranite stands in the  harbour wall.")
    assert "[the wall](/2019/wall/)" in text(document)
    assert document.publication.url == "https://stones.example.org/building/history/2019/05/04/stones/"
    assert document.publication.published_on == dt.date(2019, 5, 4)
    labels = [(label.kind, label.name) for label in document.labels.order_by("position")]
    assert labels == [("category", "building"), ("category", "history"), ("tag", "granite"), ("tag", "Old walls")]
    assert named("Post 1.md").publication.published_on == dt.date(2020, 1, 1)
    assert Collection.objects.get().documents.count() == 7
    with acting_as(stranger):
        assert not Label.objects.exists()
        assert not Source.objects.exists()
        assert not Publication.objects.exists()


def test_again_touches_nothing(blog: Path, owner: User) -> None:
    run(blog, owner)
    before = list(Document.objects.order_by("pk").values())

    assert "0 added, 0 changed, 0 with other facts, 7 unchanged, 0 removed" in run(blog, owner)
    assert list(Document.objects.order_by("pk").values()) == before


def test_a_changed_post_is_read_again_and_other_facts_are_written_only(blog: Path, owner: User) -> None:
    run(blog, owner)
    posts = blog / "_posts"
    (posts / "2019-05-04-stones.md").write_text(FIRST.replace("Granite stands", "Slate lies"))
    (posts / "2020-01-01-post-1.md").write_text("---\ntags: other\ndate: 2020-02-02\n---\nPost number 1.\n")

    assert "0 added, 1 changed, 1 with other facts, 5 unchanged" in run(blog, owner)

    assert named("Stones ∕ a beginning.md").versions.count() == 2
    facts = named("Post 1.md")
    assert facts.versions.count() == 1
    assert [label.name for label in facts.labels.all()] == ["other"]
    assert facts.publication.url.endswith("/2020/02/02/post-1/")


def test_another_title_is_another_name(blog: Path, owner: User) -> None:
    run(blog, owner)
    (blog / "_posts" / "2020-01-01-post-1.md").write_text("---\ntitle: One\n---\nPost number 1.\n")

    assert "1 changed" in run(blog, owner)
    assert "6 unchanged" in run(blog, owner).replace("7 unchanged", "6 unchanged")
    assert named("One.md").versions.count() == 2


def test_a_removed_post_is_removed_and_one_that_was_moved_is_not(blog: Path, owner: User) -> None:
    run(blog, owner)
    posts = blog / "_posts"
    (posts / "2020-01-01-post-1.md").unlink()
    (posts / "more").mkdir()
    (posts / "2020-01-02-post-2.md").rename(posts / "more" / "2020-01-02-post-2.md")
    moved = named("Post 2.md")

    assert "1 removed" in run(blog, owner)

    assert Document.objects.count() == 6
    assert named("Post 2.md").pk == moved.pk
    assert named("Post 2.md").versions.count() == 1


def test_an_emptied_folder_removes_nothing_without_a_word(blog: Path, owner: User) -> None:
    run(blog, owner)
    for path in (blog / "_posts").iterdir():
        path.unlink()

    said, code = run.fails(blog, owner)
    assert ("7 posts are not in the folder any more" in said, code) == (True, 3)
    assert Document.objects.count() == 7
    assert "0 removed" in run(blog, owner, keep_removed=True)
    assert "7 removed" in run(blog, owner, remove_many=True)
    assert not Document.objects.exists()
    assert not Label.objects.exists()


def test_other_documents_are_never_removed(blog: Path, owner: User, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.txt").write_text("A paper.")
    call_command("ingest", str(folder), owner=owner.email, stdout=StringIO())
    run(blog, owner)
    for path in (blog / "_posts").iterdir():
        path.unlink()
    run(blog, owner, remove_many=True)

    assert [document.name for document in Document.objects.all()] == ["a.txt"]


def test_drafts_and_future_posts_by_jekyll_s_rules(blog: Path, owner: User) -> None:
    tomorrow = timezone.now() + dt.timedelta(days=2)
    posts = blog / "_posts"
    (posts / f"{tomorrow:%Y-%m-%d}-soon.md").write_text("---\ntitle: Soon\n---\nLater.\n")
    (posts / "2020-02-01-hidden.md").write_text("---\ntitle: Hidden\npublished: false\n---\nNot yet.\n")
    (posts / "undated.md").write_text("---\ntitle: Undated\n---\nNo post.\n")
    (blog / "_drafts").mkdir()
    (blog / "_drafts" / "idea.md").write_text("---\ntitle: Idea\n---\nAn idea.\n")

    said = run(blog, owner)
    assert "7 added" in said
    assert "1 drafts, 1 dated in the future, 1 without a date in their names, 1 not published" in said
    assert "2 added" in run(blog, owner, drafts=True, future=True)
    # And gone again, as they would be from the site.
    assert "2 removed" in run(blog, owner)


def test_a_post_that_cannot_be_understood_stays_as_it_was(blog: Path, owner: User) -> None:
    run(blog, owner)
    (blog / "_posts" / "2020-01-01-post-1.md").write_text("---\n{ [ :\n---\nBroken.\n")

    said, code = run.fails(blog, owner)

    assert ("no YAML" in said, "0 removed" in said, code) == (True, True, 3)
    assert text(named("Post 1.md")).endswith("Post number 1.\n")


def test_where_the_blog_is_published_can_be_said(blog: Path, owner: User) -> None:
    run(blog, owner)
    assert "7 with other facts" in run(blog, owner, base_url="https://example.org/b/", permalink="/:year/:title/")
    assert named("Post 1.md").publication.url == "https://example.org/b/2020/post-1/"


def test_wrong_arguments_say_what_to_do(blog: Path, owner: User) -> None:
    for said, words in (
        (run.fails(blog / "none", owner), "does not exist"),
        (run.fails(blog / "about.md", owner), "is no folder"),
        (run.fails(blog, owner, base_url="javascript:alert(1)"), "is no address"),
        (run.fails(blog, owner, permalink="nice"), "must be one of"),
        (run.fails(blog, owner, remove_many=True, keep_removed=True), "exclude each other"),
        (run.fails(blog, User(email="nobody@example.org")), "no account"),
    ):
        assert words in said[0]
        assert said[1] == 1
    assert not Document.objects.exists()
