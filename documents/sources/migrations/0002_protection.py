from django.db import migrations

from accounts.tenancy.protection import Protect

_DOCUMENT = ("document_id", "documents_document")

# Who may read a document may read what it says of itself, and where it was published (documents.collections.policies).
_FOR_READERS = """
CREATE POLICY by_share ON sources_source FOR SELECT
    USING (EXISTS (SELECT FROM documents_document WHERE id = document_id));
CREATE POLICY by_share ON sources_label FOR SELECT
    USING (EXISTS (SELECT FROM documents_document WHERE id = document_id));
"""


class Migration(migrations.Migration):
    dependencies = [("collections", "0002_protection"), ("documents", "0003_protection"), ("sources", "0001_initial")]
    operations = [
        Protect("sources_source", parent=_DOCUMENT),
        Protect("sources_label", parent=_DOCUMENT),
        migrations.RunSQL(_FOR_READERS, "DROP POLICY by_share ON sources_label; DROP POLICY by_share ON sources_source;"),
    ]
