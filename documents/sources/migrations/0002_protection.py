from django.db import migrations

from accounts.tenancy.protection import Protect

_DOCUMENT = ("document_id", "documents_document")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("documents", "0003_protection"), ("sources", "0001_initial")]
    operations = [
        Protect("sources_source", parent=_DOCUMENT),
        Protect("sources_label", parent=_DOCUMENT),
    ]
