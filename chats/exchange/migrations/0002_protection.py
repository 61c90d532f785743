from django.db import migrations

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("chats", "0002_protection"), ("exchange", "0001_initial")]
    operations = [
        Protect("exchange_exchangejob"),
        Protect("exchange_origin", parent=("conversation_id", "chats_conversation")),
    ]
