from django.db import migrations

from accounts.tenancy.protection import Protect
from documents.collections import policies


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("documents", "0003_protection"), ("collections", "0001_initial")]
    operations = [
        Protect("collections_collectionshare", parent=("collection_id", "documents_collection")),
        migrations.RunSQL(policies.SQL, policies.UNDO),
    ]
