from django.db import migrations

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("rights", "0001_initial")]
    operations = [Protect("rights_datarequest"), Protect("rights_consent")]
