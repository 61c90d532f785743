from django.db import migrations

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_who_acts"), ("rights", "0001_initial")]
    operations = [Protect("rights_datarequest"), Protect("rights_consent")]
