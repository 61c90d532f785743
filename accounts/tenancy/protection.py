"""Migration operations that put tables under row-level security, and the rights of the application's own role."""

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper

# In a policy's words, who acts (accounts.tenancy). Written out: a function of ours would be read and planned anew for
# every table of every statement, 0.2 ms for a usual one. In a sub-select: once for a statement, not for each row.
OWNER_ACTS = "owner_id = (SELECT nullif(nullif(current_setting('chatsite.actor', true), ''), 'system')::uuid)"
SYSTEM_ACTS = "(SELECT current_setting('chatsite.actor', true) = 'system')"


class Protect(migrations.RunSQL):
    """Show a row to its owner and to the system only, whoever owns the table, and let nobody write another's.

    With `parent`, a pair of a column and the table it points to, the database itself sees to it that a row has the
    same owner as the row it belongs to; the column then needs no foreign key of its own. The parent's pair of id and
    owner must be unique by a constraint.
    """

    def __init__(self, table: str, *, parent: tuple[str, str] | None = None) -> None:
        self.table, self.parent = table, parent
        theirs = f"{OWNER_ACTS} OR {SYSTEM_ACTS}"
        sql = f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY owner ON {table} USING ({theirs}) WITH CHECK ({theirs});
        """
        undo = f"""
            DROP POLICY owner ON {table};
            ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
            ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """
        if parent:
            column, of = parent
            sql += f"""
                ALTER TABLE {table} ADD CONSTRAINT {table}_same_owner FOREIGN KEY ({column}, owner_id)
                REFERENCES {of} (id, owner_id) DEFERRABLE INITIALLY DEFERRED;
            """
            undo = f"ALTER TABLE {table} DROP CONSTRAINT {table}_same_owner;" + undo
        super().__init__(sql, undo)

    def deconstruct(self) -> tuple[str, list[object], dict[str, object]]:
        return (self.__class__.__name__, [self.table], {"parent": self.parent} if self.parent else {})


def grant_to_application(owner: BaseDatabaseWrapper, role: str) -> None:
    """Let the application's role read and write rows, and nothing else: no tables of its own, no TRUNCATE."""
    quoted = owner.ops.quote_name(role)
    with owner.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (current,) = cursor.fetchone()
        if current == role:
            return
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {quoted}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}")
        cursor.execute(f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {quoted}")
        cursor.execute("SELECT to_regclass('django_migrations'), to_regproc('audit_prune')")
        migrations_table, prune = cursor.fetchone()
        if migrations_table:
            cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {quoted}")
        if prune:
            cursor.execute(f"GRANT EXECUTE ON FUNCTION audit_prune(bigint[], bytea[]) TO {quoted}")
