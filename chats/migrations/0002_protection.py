from django.db import migrations

from accounts.tenancy.protection import Protect


def _forget(column: str, table: str) -> migrations.RunSQL:
    """Whose row it points at is not who deletes it: the database sees to it, whoever acts."""
    name = f"chats_citation_{column}_forgotten"
    return migrations.RunSQL(
        f"ALTER TABLE chats_citation ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {table} (id) "
        "ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE chats_citation DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("chats", "0001_initial"), ("documents", "0002_initial")]
    operations = [
        Protect("chats_folder"),
        Protect("chats_tag"),
        Protect("chats_conversation"),
        Protect("chats_conversationtag", parent=("conversation_id", "chats_conversation")),
        Protect("chats_message", parent=("conversation_id", "chats_conversation")),
        Protect("chats_citation", parent=("message_id", "chats_message")),
        _forget("chunk_id", "documents_chunk"),
        _forget("version_id", "documents_documentversion"),
        Protect("chats_summary", parent=("upto_id", "chats_message")),
    ]
