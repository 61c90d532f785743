from django.db import migrations

from accounts.tenancy.protection import Protect

_CONVERSATION = ("conversation_id", "chats_conversation")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("chats", "0002_protection"), ("searching", "0001_initial")]
    operations = [
        Protect("searching_indexed", parent=_CONVERSATION),
        Protect("searching_occurrences", parent=_CONVERSATION),
    ]
