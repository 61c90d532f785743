from django.db import migrations

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("chats", "0001_initial")]
    operations = [
        Protect("chats_folder"),
        Protect("chats_tag"),
        Protect("chats_conversation"),
        Protect("chats_conversationtag", parent=("conversation_id", "chats_conversation")),
        Protect("chats_message", parent=("conversation_id", "chats_conversation")),
        Protect("chats_citation", parent=("message_id", "chats_message")),
        Protect("chats_summary", parent=("upto_id", "chats_message")),
    ]
