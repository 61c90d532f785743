from django.db import migrations

from accounts.tenancy.protection import Protect

_DOCUMENT = ("document_id", "documents_document")

# Who may read a document may read what it says of itself, and where it was published. A search that is narrowed by them
# looks at all of them, so the set is made once for each statement (documents.collections.policies).
_FOR_READERS = """
CREATE FUNCTION sources_documents_readable() RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    shared uuid[] := collections_readable();
BEGIN
    IF cardinality(shared) = 0 THEN
        RETURN shared;
    END IF;
    RETURN ARRAY(SELECT id FROM documents_document WHERE collection_id = ANY(shared));
END $$;

CREATE POLICY by_share ON sources_publication FOR SELECT
    USING (document_id IN (SELECT unnest(sources_documents_readable())));
CREATE POLICY by_share ON sources_label FOR SELECT
    USING (document_id IN (SELECT unnest(sources_documents_readable())));
"""

_UNDO = """
DROP POLICY by_share ON sources_label;
DROP POLICY by_share ON sources_publication;
DROP FUNCTION sources_documents_readable();
"""


class Migration(migrations.Migration):
    dependencies = [("collections", "0002_protection"), ("documents", "0003_protection"), ("sources", "0001_initial")]
    operations = [
        Protect("sources_source", parent=_DOCUMENT),
        Protect("sources_publication", parent=_DOCUMENT),
        Protect("sources_label", parent=_DOCUMENT),
        migrations.RunSQL(_FOR_READERS, _UNDO),
    ]
