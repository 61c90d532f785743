from django.db import migrations

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    # A run in a library of its own has no owner: the system alone sees it.
    dependencies = [("accounts", "0001_initial"), ("evaluation", "0001_initial")]
    operations = [Protect("evaluation_run"), Protect("evaluation_asked")]
