"""The policies of shares ask nothing where an owner reads their own rows (chats.sharing.policies)."""

import pytest
from django.db import connection

from accounts.models import User
from accounts.tenancy import acting_as
from chats.models import Message
from chats.sharing import giving

# What stands in a plan for the question whether a row is shared.
ASKS = {
    "chats_conversation": "= ANY ((InitPlan",
    "chats_message": "= ANY ((InitPlan",
    "chats_citation": "sharing_message_is_readable(",
}


def plan(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM {table}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize("table", ASKS)
def test_whether_a_row_is_one_s_own_comes_first(table: str, answer: Message, owner: User) -> None:
    with acting_as(owner):
        condition = next(line for line in plan(table).splitlines() if "Filter:" in line)
    assert 0 < condition.index("owner_id =") < condition.index(ASKS[table])


@pytest.mark.parametrize("table", ["chats_conversation", "chats_message"])
def test_for_one_s_own_rows_the_list_of_shared_ones_is_not_made(
    table: str, answer: Message, owner: User, viewer: User
) -> None:
    giving.with_person(answer.conversation, viewer.email)
    with acting_as(owner):
        # Nor is it asked whether the system acts.
        assert plan(table).count("never executed") == 2
    with acting_as(viewer):
        assert "never executed" not in plan(table)
