"""How PostgreSQL lets people read what is shared with everybody, and administrators look after it.

The names sort before `owner`, so that PostgreSQL asks that one first (see chats.sharing.policies). The roles are
written out, because a policy cannot ask the table in the code; tests/chats/prompting/test_policies.py compares.
"""

from accounts.models import Role

TABLES = ("prompting_prompttemplate", "prompting_persona")
READERS = (Role.USER, Role.ADMIN, Role.SUPER_ADMIN)
OVERSEERS = (Role.ADMIN, Role.SUPER_ADMIN)

_ACTOR = "(SELECT nullif(nullif(current_setting('chatsite.actor', true), ''), 'system')::uuid)"


def _acts(roles: tuple[Role, ...]) -> str:
    listed = ", ".join(f"'{role.value}'" for role in roles)
    allowed = f"role IN ({listed})"
    somebody = f"id = {_ACTOR} AND is_active AND address_confirmed"
    return f"(SELECT {allowed} FROM accounts_user WHERE {somebody})"  # noqa: S608 - of our own words


SQL = "".join(
    f"""
    CREATE POLICY by_everybody ON {table} FOR SELECT USING (is_shared AND deleted_at IS NULL AND {_acts(READERS)});
    CREATE POLICY by_overseer ON {table} FOR SELECT USING (is_shared AND {_acts(OVERSEERS)});
    CREATE POLICY by_overseer_changed ON {table} FOR UPDATE
        USING (is_shared AND {_acts(OVERSEERS)}) WITH CHECK (is_shared AND {_acts(OVERSEERS)});
    """
    for table in TABLES
)
UNDO = "".join(
    f"""
    DROP POLICY by_overseer_changed ON {table};
    DROP POLICY by_overseer ON {table};
    DROP POLICY by_everybody ON {table};
    """
    for table in TABLES
)
