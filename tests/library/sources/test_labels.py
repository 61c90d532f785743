"""Searching by what a post says of itself: its tags and categories, and the day it was published."""

import datetime as dt
import re
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from accounts.tenancy import acting_as
from documents import tagging
from documents.collections import giving, keeping
from documents.collections.access import readable_by
from documents.models import Document
from documents.retrieval import Filters, search
from documents.sources import labels
from documents.sources.models import Label, Publication, Source
from tests.library.sources.conftest import Command
from tests.retrieval.conftest import AddDocument, add, index

__all__ = ["add"]
pytestmark = pytest.mark.django_db

POST = """---
title: {title}
date: {date}
categories: [{category}]
tags: [{tags}]
---

Granite was carried to the harbour by {title}.
"""


@pytest.fixture
def blog(tmp_path: Path, owner: User) -> None:
    posts = tmp_path / "blog" / "_posts"
    posts.mkdir(parents=True)
    for title, date, category, tags in (
        ("ships", "2019-05-04", "Harbour", "sea, Stone"),
        ("carts", "2021-03-02", "Roads", "stone"),
        ("mules", "2023-01-09", "Roads", "animals"),
    ):
        text = POST.format(title=title, date=date, category=category, tags=tags)
        (posts / f"{date}-{title}.md").write_text(text)
    (tmp_path / "blog" / "_config.yml").write_text("url: https://stones.example.org\npermalink: pretty\n")
    Command("ingest_blog")(tmp_path / "blog", owner, collection="Blog")
    for document in Document.objects.all():
        version = document.versions.get()
        index(version, [f"Granite was carried to the harbour by {document.name}."])
        Document.objects.filter(pk=document.pk).update(current_version=version, status=Document.Status.READY)


def found(user: User, **filters: object) -> set[str]:
    with acting_as(user):
        passages = search(user_id=user.pk, query="granite harbour", filters=Filters(**filters), top_k=20).passages  # type: ignore[arg-type]
    return {passage.document_name.removesuffix(".md") for passage in passages}


def test_each_filter_narrows(blog: None, owner: User) -> None:
    assert found(owner) == {"ships", "carts", "mules"}
    assert found(owner, tag="stone") == found(owner, tag=" STONE ") == {"ships", "carts"}
    assert found(owner, category="Roads") == {"carts", "mules"}
    assert found(owner, tag="stone", category="roads") == {"carts"}
    # A category is no tag.
    assert found(owner, tag="Roads") == found(owner, tag="nothing") == set()


def test_a_post_is_as_old_as_its_publication(blog: None, owner: User, add: AddDocument) -> None:
    add(owner, "today.txt", ["Granite in the harbour today."])
    assert found(owner, since=dt.date(2021, 3, 2)) == {"carts", "mules", "today.txt"}
    assert found(owner, until=dt.date(2021, 3, 2)) == {"ships", "carts"}


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_the_day_of_a_post_is_that_of_its_blog(tmp_path: Path, owner: User, zone: str) -> None:
    (tmp_path / "_posts").mkdir()
    (tmp_path / "_posts" / "2019-05-04-ships.md").write_text("Granite.\n")
    (tmp_path / "_posts" / "2019-05-04-late.md").write_text("---\ndate: 2019-05-04 23:59\n---\nSlate.\n")
    (tmp_path / "_config.yml").write_text(f"timezone: {zone}\n")
    Command("ingest_blog")(tmp_path, owner)
    day = dt.date(2019, 5, 4)
    documents = Document.objects.order_by()
    assert Filters(since=day, until=day).within(documents, reader_id=owner.pk).count() == 2
    assert not Filters(until=day - dt.timedelta(1)).within(documents, reader_id=owner.pk).exists()
    assert not Filters(since=day + dt.timedelta(1)).within(documents, reader_id=owner.pk).exists()


def test_of_too_many_labels_ones_own_and_the_usual_ones_are_offered_and_the_chosen_one_in_any_case(
    blog: None, owner: User, stranger: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_OFFERED", 1)
    giving.with_person(keeping.own(owner)[0], stranger.email)
    assert [name.lower() for name in _offered(owner)] == ["stone"]
    assert [name.lower() for name in _offered(stranger)] == ["stone"]

    client.force_login(stranger)
    answer = client.post("/documents/search", {"q": "granite", "tag": "Animals"}).content.decode()
    assert re.findall(r"<option selected>(\w+)</option>", answer) == ["Animals"]

    with acting_as(stranger):
        own = Document.objects.create(owner=stranger, name="own.md", status=Document.Status.READY)
        Label.objects.create(
            document=own,
            owner=stranger,
            kind="tag",
            position=0,
            name="slate",
            name_hash=labels.label_hash(stranger.pk, "slate"),
        )
        everything = Document.objects.order_by()
        assert labels.offered(stranger, everything, Label.Kind.TAG) == ["slate"]


def _offered(user: User) -> list[str]:
    with acting_as(user):
        return labels.offered(user, readable_by(user.pk).searchable(), Label.Kind.TAG)


def test_tags_of_a_person_and_of_a_file_are_one_list(blog: None, owner: User, add: AddDocument) -> None:
    uploaded = add(owner, "upload.txt", ["Granite in the harbour."])
    tagging.tag([uploaded], tagging.TAGS.create(owner, "stone"))
    assert labels.offered(owner, readable_by(owner.pk).searchable(), Label.Kind.TAG) == ["animals", "sea", "stone"]
    assert labels.offered(owner, readable_by(owner.pk).searchable(), Label.Kind.CATEGORY) == ["Harbour", "Roads"]
    assert found(owner, tag="Stone") == {"ships", "carts", "upload.txt"}


def test_who_reads_a_shared_blog_searches_it_by_its_labels_and_nobody_else_does(
    blog: None, owner: User, stranger: User, add: AddDocument
) -> None:
    reader = User.objects.create_user("reader@example.org")
    uploaded = add(owner, "private.txt", ["Granite in the harbour."])
    mules = next(document for document in Document.objects.all() if document.name == "mules.md")
    # What the owner calls a shared post is nobody else's way to it.
    tagging.tag([uploaded, mules], tagging.TAGS.create(owner, "stone"))
    assert found(owner, tag="stone") == {"ships", "carts", "mules", "private.txt"}
    giving.with_person(keeping.own(owner)[0], reader.email)
    assert found(reader, tag="stone") == {"ships", "carts"}
    assert found(stranger, tag="stone") == set()
    for person, offered in ((reader, ["animals", "sea", "stone"]), (stranger, [])):
        with acting_as(person):
            names = labels.offered(person, readable_by(person.pk).searchable(), Label.Kind.TAG)
            assert [name.lower() for name in names] == offered
            # When and where the posts were published, but not where they lie on the disk.
            assert Publication.objects.count() == (3 if offered else 0)
            assert not Source.objects.exists()


def test_the_page_offers_them_and_the_document_leads_to_the_post(blog: None, owner: User, client: Client) -> None:
    client.force_login(owner)
    page = client.get("/documents/search").content.decode()
    assert re.findall(r"<option>(\w+)</option>", page) == ["animals", "sea", "stone", "Harbour", "Roads"]
    answer = client.post("/documents/search", {"q": "granite", "category": "Harbour"}).content.decode()
    assert re.search(r'Published <time datetime="2019-05-04">4 May 2019<', answer)
    assert "2 March 2021" not in answer
    assert "<option selected>Harbour</option>" in answer

    ships = next(document for document in Document.objects.all() if document.name == "ships.md")
    page = client.get(f"/documents/{ships.pk}").content.decode()
    assert 'href="https://stones.example.org/harbour/2019/05/04/ships/"' in page
    assert "Published 4 May 2019" in page
    assert "Category: Harbour" in page
    assert "Tags: sea, Stone" in page


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//stones.example.org", "https://[", "data:text/html,x"])
def test_only_addresses_of_the_web_are_linked(blog: None, owner: User, client: Client, url: str) -> None:
    client.force_login(owner)
    document = Document.objects.latest("created_at")
    sealed = Publication.sealed(document.pk, owner_id=owner.pk, url=url)
    Publication.objects.filter(document=document).update(**sealed)
    answer = client.get(f"/documents/{document.pk}")
    assert answer.status_code == 200
    assert url not in answer.content.decode()
    # The rest is as good as it was.
    assert "Published " in answer.content.decode()
    assert "Tag" in answer.content.decode()
