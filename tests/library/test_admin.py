import pytest
from django.test import Client

from accounts.models import User
from documents.models import Document
from tests.library.conftest import MakeDocument


@pytest.fixture
def admin_client(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def test_an_administrator_sees_that_a_document_exists_and_not_what_it_says(
    admin_client: Client, make_document: MakeDocument
) -> None:
    document = make_document(name="plans.txt", pages=("The secret words.",))
    listed = admin_client.get("/admin/documents/document/").content.decode()
    shown = admin_client.get(f"/admin/documents/document/{document.pk}/change/").content.decode()
    assert str(document.pk)[:8] in listed
    assert "plans.txt" not in listed + shown
    assert "secret words" not in shown
    assert document.versions.get().blob not in shown


def test_nothing_can_be_added_changed_or_deleted(admin_client: Client, make_document: MakeDocument) -> None:
    document = make_document(name="plans.txt")
    assert admin_client.get("/admin/documents/document/add/").status_code == 403
    admin_client.post(f"/admin/documents/document/{document.pk}/change/", {"name": "new"})
    assert admin_client.post(f"/admin/documents/document/{document.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Document.objects.get().name == "plans.txt"


def test_pages_and_passages_have_no_place_in_the_admin(admin_client: Client, make_document: MakeDocument) -> None:
    make_document()
    for model in ("page", "chunk", "posting", "embedding"):
        assert admin_client.get(f"/admin/documents/{model}/").status_code == 404
