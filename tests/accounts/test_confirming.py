"""Being asked again before what matters, and coming back."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts.models import User
from accounts.second_factor import confirmed_recently
from chats.exchange.models import ExchangeJob
from tests.accounts.conftest import is_signed_in, signed_in
from tests.accounts.phone import Phone, forget_codes
from tests.conftest import PASSWORD
from tests.routes import ROUTES, World, as_before, undone

ASK = "/settings/confirm"
CHANGE = "/accounts/password/change/"
# Words in the name or the address of a route that needs a recent confirmation. A new one is found by them.
TELLING = re.compile("export|download|erase|delete-account|withdraw|role|password|recovery|second-factor|api-?key")
# Those that hold such a word and need none, and why.
UNASKED = {
    "account_reset_password": "for who cannot sign in; the mailbox is the proof",
    "account_reset_password_done": "says that a mail was sent",
    "account_reset_password_from_key": "guarded by its own token",
    "account_reset_password_from_key_done": "says that it is done",
    "admin:password_change": "leads to account_change_password",
    "admin:password_change_done": "says that it is done",
    "exchange:as_json": "one chat that the page shows anyway; one for a worker asks, below",
    "exchange:as_markdown": "the same",
    "documents:download": "one file of one's own",
    "documents:unlock": "takes the password of a file",
    "rights:delete_export": "takes a copy away, and gives none",
}
# What changes other people's rights is a POST to the administration, whose pages may be read.
POWERS = re.compile("admin:(accounts_user|invitations_invitation|rights_legalhold|lock_out_failures)_")


def words(response) -> str:
    return response.content.decode()


def long_ago(client: Client) -> Client:
    """Signed in, but a while ago."""
    session = client.session
    session["confirmed_at"] = session["confirmed_at"] - 15 * 60
    session.save()
    return client


@pytest.fixture
def page(owner: User) -> Client:
    return long_ago(signed_in(owner))


@pytest.fixture
def phone(owner: User) -> Phone:
    return Phone.of(owner)


@pytest.fixture
def verified(owner: User, phone: Phone) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    client.post("/accounts/second-step/", {"code": phone.code()})
    forget_codes(owner)
    return long_ago(client)


def test_what_matters_asks_first(admin_user: User, subtests: pytest.Subtests) -> None:
    """Every route with a telling name: whatever it takes, GET or POST, a stale session is led to the question."""
    world = World.of(admin_user)
    session, before = long_ago(signed_in(admin_user)), world.rows()
    found = [route for route in ROUTES if TELLING.search(f"{route.name} {route.pattern}")]
    assert {route.name for route in found} >= {"exchange:export", "exchange:download", "rights:delete", *UNASKED}
    for route in found:
        if route.name in UNASKED:
            continue
        with subtests.test(str(route)), undone():
            answers = [getattr(as_before(session), method)(route.address(world)) for method in ("get", "post")]
            assert all(is_question(answer) or answer.status_code == 405 for answer in answers), answers
            assert any(map(is_question, answers))
            assert world.rows()[1:] == before[1:]


def test_power_over_others_asks_first(admin_user: User, subtests: pytest.Subtests) -> None:
    world = World.of(admin_user)
    session = long_ago(signed_in(admin_user))
    found = [route for route in ROUTES if POWERS.match(route.name) and not route.name.endswith("_history")]
    assert "admin:accounts_user_change" in {route.name for route in found}
    for route in found:
        with subtests.test(str(route)), undone():
            answer = as_before(session).post(route.address(world))
            assert is_question(answer) or answer.status_code in {403, 405}, answer


@pytest.mark.parametrize("kind", ["json", "md"])
def test_one_chat_is_handed_out_unless_a_worker_makes_a_file_of_it(
    page: Client, owner: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    address = f"/chats/{World.of(owner).conversation.pk}/export.{kind}"
    assert page.get(address).status_code == 200
    monkeypatch.setattr("chats.exchange.views._DIRECT", 1)
    before = ExchangeJob.objects.count()
    assert page.get(address)["Location"] == f"{ASK}?next={address.replace('/', '%2F')}"
    assert ExchangeJob.objects.count() == before


def is_question(response: Any) -> bool:
    return response.status_code == 302 and response["Location"].startswith(f"{ASK}?")


@pytest.mark.parametrize("address", [CHANGE, "/settings/second-factor"])
def test_the_question_leads_back_and_leaves_the_session(verified: Client, address: str) -> None:
    assert verified.get(address)["Location"] == f"{ASK}?next={address.replace('/', '%2F')}"
    assert is_signed_in(verified)


@pytest.mark.parametrize("address", [CHANGE, "/settings/second-factor"])
def test_right_after_signing_in_nobody_is_asked(owner: User, address: str) -> None:
    assert signed_in(owner).get(address).status_code == 200


def test_the_password_confirms_and_leads_back(page: Client) -> None:
    response = page.get(CHANGE, follow=True)
    assert "Is it still you?" in words(response)
    back = page.post(ASK, {"password": PASSWORD, "next": CHANGE})
    assert back["Location"] == CHANGE
    assert page.get(CHANGE).status_code == 200


def test_a_wrong_password_does_not(page: Client) -> None:
    response = page.post(ASK, {"password": "wrong", "next": CHANGE})
    assert response.status_code == 422
    assert "This is not your password." in words(response)
    assert page.get(CHANGE).status_code == 302


def test_with_a_second_factor_only_its_code_does(verified: Client, phone: Phone) -> None:
    asked = words(verified.get(ASK))
    assert 'autocomplete="one-time-code"' in asked
    assert 'type="password"' not in asked
    assert verified.post(ASK, {"password": PASSWORD, "next": CHANGE}).status_code == 422
    assert verified.post(ASK, {"code": phone.code(), "next": CHANGE})["Location"] == CHANGE
    assert verified.get(CHANGE).status_code == 200


def test_without_either_it_takes_a_fresh_sign_in(owner: User, page: Client) -> None:
    owner.set_unusable_password()
    owner.save()
    client = long_ago(signed_in(owner))
    assert "Sign in once more" in words(client.get(ASK, {"next": CHANGE}))
    assert client.post(ASK, {"next": CHANGE}).status_code == 200
    response = client.post("/settings/confirm/sign-in-again", {"next": CHANGE})
    assert response["Location"] == "/accounts/login/?next=%2Faccounts%2Fpassword%2Fchange%2F"
    assert not is_signed_in(client)


def test_it_does_not_last(page: Client) -> None:
    page.post(ASK, {"password": PASSWORD})
    assert page.get(CHANGE).status_code == 200
    long_ago(page)
    assert page.get(CHANGE).status_code == 302


def test_a_time_that_is_yet_to_come_is_none(page: Client) -> None:
    session = page.session
    session["confirmed_at"] += 10**6
    session.save()
    assert page.get(CHANGE).status_code == 302


def test_what_was_posted_is_not_kept_and_the_page_says_so(page: Client) -> None:
    response = page.post(CHANGE, {"oldpassword": PASSWORD}, HTTP_REFERER=f"http://testserver{CHANGE}?x=1", follow=True)
    assert "Nothing was changed yet" in words(response)
    back = page.post(ASK, {"password": PASSWORD, "next": f"{CHANGE}?x=1", "again": "1"})
    assert back["Location"] == f"{CHANGE}?x=1"
    assert "do it once more" in words(page.get(back["Location"]))


def test_also_where_it_was_confirmed_in_another_tab_meanwhile(page: Client) -> None:
    page.post(ASK, {"password": PASSWORD})
    back = page.get(ASK, {"next": CHANGE, "again": "1"}, follow=True)
    assert back.redirect_chain == [(CHANGE, 302)]
    assert "do it once more" in words(back)


def test_whoever_sent_nothing_is_not_told_so(page: Client) -> None:
    back = page.post(ASK, {"password": PASSWORD, "next": CHANGE}, follow=True)
    assert back.redirect_chain == [(CHANGE, 302)]
    assert "once more" not in words(back)


def test_several_chats_are_exported_after_the_question_and_the_page_says_that_they_are_not_chosen_any_more(
    page: Client, owner: User
) -> None:
    chat, before = World.of(owner).conversation, ExchangeJob.objects.count()
    address, form = "/chats/several", {"chat": [str(chat.pk)], "export": "json"}
    asked = page.post(address, form, HTTP_REFERER="http://testserver/chats/all?folder=1")
    assert is_question(asked)
    assert ExchangeJob.objects.count() == before
    back = page.post(asked["Location"], {"password": PASSWORD, "next": "/chats/all", "again": "1"}, follow=True)
    assert "choose or enter it again" in words(back)
    assert page.post(address, form)["Location"] == "/settings/exchange#latest"
    assert ExchangeJob.objects.count() == before + 1


def test_what_else_is_done_with_several_chats_needs_none(page: Client, owner: User) -> None:
    chat = World.of(owner).conversation
    assert not is_question(page.post("/chats/several", {"chat": [str(chat.pk)], "archive": "1"}))


def test_a_fragment_sends_the_whole_page_to_the_question(page: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/documents/?page=2"}
    response = page.post(CHANGE, headers=headers)
    assert response.status_code == 204
    assert response["HX-Redirect"] == f"{ASK}?next=%2Fdocuments%2F%3Fpage%3D2&again=1"


@pytest.mark.parametrize("target", ["x", "https://evil.example/", "//evil.example/", "javascript:alert(1)", ASK])
def test_it_leads_to_a_page_of_this_host(page: Client, target: str) -> None:
    assert page.post(ASK, {"password": PASSWORD, "next": target})["Location"] == "/"


@pytest.mark.parametrize("address", ["/accounts/second-step/?next=x", f"{ASK}?next=x"])
def test_a_word_is_no_place_to_go_back_to(owner: User, address: str) -> None:
    assert signed_in(owner).get(address)["Location"] == "/"


def test_the_question_itself_is_for_who_is_signed_in(client: Client, db: None) -> None:
    assert client.get(ASK)["Location"].startswith("/accounts/login/")


def test_a_view_keeps_its_name_and_arguments(owner: User) -> None:
    @confirmed_recently
    def erase(request: HttpRequest, number: int) -> HttpResponse:
        return HttpResponse(str(number))

    assert erase.__name__ == "erase"
    request = RequestFactory().get("/erase")
    request.user = get_user_model()(email="a@example.org")
    request.session = signed_in(owner).session
    assert erase(request, 7).content == b"7"
    request.session["confirmed_at"] = 0
    assert erase(request, 7).status_code == 302
