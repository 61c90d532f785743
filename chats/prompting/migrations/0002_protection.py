from django.db import migrations

from accounts.tenancy.protection import Protect
from chats.prompting import policies


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("prompting", "0001_initial")]
    operations = [
        Protect("prompting_owninstructions"),
        Protect("prompting_prompttemplate"),
        Protect("prompting_persona"),
        migrations.RunSQL(policies.SQL, policies.UNDO),
    ]
