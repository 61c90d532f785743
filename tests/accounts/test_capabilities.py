from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.capabilities import CAPABILITIES, Capability, may, may_manage, requires
from accounts.models import Role, User

TABLE = {
    Role.VIEWER: "READ",
    Role.USER: "READ CHAT UPLOAD SHARE_PROMPTS",
    Role.ADMIN: "READ CHAT UPLOAD SHARE_PROMPTS ADMINISTER SEE_DOCUMENT_METADATA MANAGE_USERS SEE_AUDIT",
    Role.SUPER_ADMIN: (
        "READ CHAT UPLOAD SHARE_PROMPTS ADMINISTER SEE_DOCUMENT_METADATA MANAGE_USERS SEE_AUDIT "
        "MANAGE_ADMINISTRATORS CONFIGURE"
    ),
}


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_do_what_the_table_says_and_nothing_more(role: str) -> None:
    assert {capability.name for capability in CAPABILITIES[role]} == set(TABLE[Role(role)].split())
    user = User(role=role)
    assert {capability for capability in Capability if may(user, capability)} == CAPABILITIES[role]


def test_the_documented_table_is_the_one_in_the_code() -> None:
    lines = (Path(__file__).resolve().parents[2] / "docs/administration.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| | Viewer | User | Admin | Super admin |")
    documented = {}
    for line in lines[start + 2 :]:
        if not line.startswith("| "):
            break
        what, *roles = [cell.strip() for cell in line.strip("|").split("|")]
        documented[what] = [cell == "yes" for cell in roles]
    columns = (Role.VIEWER, Role.USER, Role.ADMIN, Role.SUPER_ADMIN)
    table = {c.value: [c in CAPABILITIES[role] for role in columns] for c in Capability}
    assert documented == table


def test_a_super_admin_may_do_everything() -> None:
    assert CAPABILITIES[Role.SUPER_ADMIN] == set(Capability)


def test_nobody_and_the_suspended_may_do_nothing() -> None:
    assert not any(may(AnonymousUser(), capability) for capability in Capability)
    assert not any(may(User(role=Role.SUPER_ADMIN, is_active=False), capability) for capability in Capability)


def test_an_unknown_role_may_do_nothing() -> None:
    assert not any(may(User(role="owner of everything"), capability) for capability in Capability)


@pytest.mark.parametrize(
    ("role", "manages"),
    [
        (Role.VIEWER, set()),
        (Role.USER, set()),
        (Role.ADMIN, {Role.USER, Role.VIEWER}),
        (Role.SUPER_ADMIN, set(Role)),
    ],
)
def test_who_manages_whom(role: Role, manages: set[Role]) -> None:
    assert {other for other in Role if may_manage(User(role=role), other)} == manages


class TestRequires:
    @pytest.fixture
    def request_by(self, rf: RequestFactory):
        def make(role: Role) -> HttpRequest:
            request = rf.post("/")
            request.user = User(role=role)
            return request

        return make

    @staticmethod
    @requires(Capability.UPLOAD)
    def upload(request: HttpRequest, name: str) -> HttpResponse:
        return HttpResponse(f"took {name}")

    def test_it_lets_through_who_may(self, request_by) -> None:
        assert self.upload(request_by(Role.USER), name="a.pdf").content == b"took a.pdf"

    def test_it_refuses_with_a_sentence_who_may_not(self, request_by) -> None:
        with pytest.raises(PermissionDenied, match="Your account may not add and change documents"):
            self.upload(request_by(Role.VIEWER), name="a.pdf")
