from django.db import migrations

from accounts.tenancy.protection import ActorFunctions


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [ActorFunctions()]
