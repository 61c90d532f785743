from django.db import migrations

from accounts.tenancy.protection import Protect
from chats.sharing import policies


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("chats", "0002_protection"), ("sharing", "0001_initial")]
    operations = [
        Protect("sharing_share", parent=("conversation_id", "chats_conversation")),
        migrations.RunSQL(policies.SQL, policies.UNDO),
    ]
