"""What PostgreSQL shows of templates and personas that are shared with everybody (chats.prompting.policies)."""

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.capabilities import CAPABILITIES, Capability
from accounts.models import Role, User
from accounts.tenancy import acting_as
from chats.prompting import policies
from chats.prompting.models import Persona, PromptTemplate

KINDS = pytest.mark.parametrize("kind", [PromptTemplate, Persona], ids=lambda kind: kind.__name__)


def made(kind: type[PromptTemplate] | type[Persona], owner: User, **values: object) -> PromptTemplate | Persona:
    words = {"text": "text"} if kind is PromptTemplate else {"system_prompt": "text"}
    return kind.objects.create(owner=owner, name="name", **words, **values)


def person(role: str, **values: object) -> User:
    return User.objects.create_user(f"{role}@example.org", "x", role=role, **values)


def test_the_roles_in_the_policies_are_those_of_the_table() -> None:
    def having(*needed: Capability) -> set[str]:
        return {role for role, capabilities in CAPABILITIES.items() if capabilities >= set(needed)}

    assert set(policies.READERS) == having(Capability.CHAT)
    assert set(policies.OVERSEERS) == having(Capability.CHAT, Capability.ADMINISTER)


@pytest.mark.django_db
@KINDS
class TestShared:
    @pytest.mark.parametrize("role", Role.values)
    def test_whoever_may_chat_reads_it(self, kind: type[PromptTemplate], owner: User, role: str) -> None:
        made(kind, owner, is_shared=True)
        with acting_as(reader := person(role)):
            assert kind.objects.count() == kind.objects.visible_to(reader).count() == int(role != Role.VIEWER)

    def test_nobody_else(self, kind: type[PromptTemplate], owner: User) -> None:
        made(kind, owner, is_shared=True)
        for who in (None, person("user", is_active=False)):
            with acting_as(who):
                assert not kind.objects.exists()

    @pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
    def test_whoever_just_signed_up_has_no_role_yet(self, kind: type[PromptTemplate], owner: User, role: str) -> None:
        found = made(kind, owner, is_shared=True)
        newcomer = person(role)
        User.objects.filter(pk=newcomer.pk).update(address_confirmed=False)
        newcomer.refresh_from_db()
        own = made(kind, newcomer)
        with acting_as(newcomer):
            assert list(kind.objects.all()) == list(kind.objects.visible_to(newcomer)) == [own]
            assert list(kind.objects.editable_by(newcomer)) == [own]
            assert kind.objects.filter(pk=found.pk).update(deleted_at=timezone.now()) == 0
        # Each of the two would do it alone.
        assert list(kind.objects.visible_to(newcomer)) == list(kind.objects.editable_by(newcomer)) == [own]

    def test_not_once_it_is_deleted(self, kind: type[PromptTemplate], owner: User, stranger: User) -> None:
        made(kind, owner, is_shared=True, deleted_at=timezone.now())
        with acting_as(stranger):
            assert not kind.objects.exists()

    def test_a_private_one_is_its_makers_even_before_administrators(
        self, kind: type[PromptTemplate], owner: User, stranger: User, admin_user: User
    ) -> None:
        made(kind, owner)
        for who in (stranger, admin_user):
            with acting_as(who):
                assert not kind.objects.exists()
                assert not kind.objects.visible_to(who).exists()

    def test_readers_change_nothing(self, kind: type[PromptTemplate], owner: User, stranger: User) -> None:
        found = made(kind, owner, is_shared=True)
        with acting_as(stranger):
            assert kind.objects.filter(pk=found.pk).update(is_shared=False) == 0
            assert kind.objects.filter(pk=found.pk).delete()[0] == 0

    def test_administrators_change_and_delete_it_and_take_it_from_nobody(
        self, kind: type[PromptTemplate], owner: User, admin_user: User
    ) -> None:
        found = made(kind, owner, is_shared=True)
        with acting_as(admin_user):
            assert kind.objects.filter(pk=found.pk).update(deleted_at=timezone.now()) == 1
            assert kind.objects.filter(pk=found.pk).update(deleted_at=None) == 1
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                kind.objects.filter(pk=found.pk).update(is_shared=False)
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {kind._meta.db_table}")
                assert cursor.rowcount == 0

    def test_nobody_makes_one_in_anothers_name(self, kind: type[PromptTemplate], owner: User, admin_user: User) -> None:
        with acting_as(admin_user), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            made(kind, owner, is_shared=True)


@pytest.mark.django_db
@pytest.mark.parametrize("table", policies.TABLES)
def test_whether_a_row_is_ones_own_comes_first(table: str, owner: User) -> None:
    made(PromptTemplate, owner)
    made(Persona, owner)
    with acting_as(owner), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF) SELECT count(*) FROM {table}")
        condition = next(line for (line,) in cursor.fetchall() if "Filter:" in line and "owner_id =" in line)
    assert 0 < condition.index("owner_id =") < condition.index("is_shared")
