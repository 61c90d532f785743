"""Whether the role that the product works as is one that row-level security binds."""

from django.core.exceptions import ImproperlyConfigured
from django.db import connection


def refuse_unbound_role() -> None:
    """Raises ImproperlyConfigured for a superuser and for a role that may bypass policies: both see every row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, is_unbound = cursor.fetchone()
    if is_unbound:
        raise ImproperlyConfigured(
            f"The database role {name} is a superuser or bypasses row-level security, so nothing in the database would "
            "keep one person's rows from another. Name an ordinary role in DATABASE_URL (docs/settings.md)."
        )
