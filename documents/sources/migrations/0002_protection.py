from django.db import migrations

from accounts.tenancy.protection import Protect

_DOCUMENT = ("document_id", "documents_document")

# Who may read a document may read what it says of itself, and where it was published (documents.collections.policies).
_FOR_READERS = """
CREATE FUNCTION sources_document_is_readable(document uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM documents_document WHERE id = document);
END $$;

CREATE POLICY by_share ON sources_publication FOR SELECT USING (sources_document_is_readable(document_id));
CREATE POLICY by_share ON sources_label FOR SELECT USING (sources_document_is_readable(document_id));
"""

_UNDO = """
DROP POLICY by_share ON sources_label;
DROP POLICY by_share ON sources_publication;
DROP FUNCTION sources_document_is_readable(uuid);
"""


class Migration(migrations.Migration):
    dependencies = [("collections", "0002_protection"), ("documents", "0003_protection"), ("sources", "0001_initial")]
    operations = [
        Protect("sources_source", parent=_DOCUMENT),
        Protect("sources_publication", parent=_DOCUMENT),
        Protect("sources_label", parent=_DOCUMENT),
        migrations.RunSQL(_FOR_READERS, _UNDO),
    ]
