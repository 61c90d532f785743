from django.db import migrations

from accounts.tenancy.protection import Protect

_VERSION = ("version_id", "documents_documentversion")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("documents", "0002_initial")]
    operations = [
        # Keep vectors in their row: fetching them one by one from TOAST makes an exact scan twice as slow.
        migrations.RunSQL(
            "ALTER TABLE documents_embedding ALTER COLUMN vector SET STORAGE PLAIN",
            "ALTER TABLE documents_embedding ALTER COLUMN vector SET STORAGE EXTERNAL",
        ),
        Protect("documents_collection"),
        Protect("documents_document", parent=("collection_id", "documents_collection")),
        Protect("documents_tag"),
        # On documents of its owner, by both ends.
        Protect("documents_documenttag", parent=("document_id", "documents_document")),
        migrations.RunSQL(
            """
            ALTER TABLE documents_documenttag ADD CONSTRAINT documents_documenttag_same_tag_owner
                FOREIGN KEY (tag_id, owner_id) REFERENCES documents_tag (id, owner_id) DEFERRABLE INITIALLY DEFERRED
            """,
            "ALTER TABLE documents_documenttag DROP CONSTRAINT documents_documenttag_same_tag_owner",
        ),
        Protect("documents_documentversion", parent=("document_id", "documents_document")),
        Protect("documents_page", parent=_VERSION),
        Protect("documents_chunk", parent=_VERSION),
        Protect("documents_posting", parent=_VERSION),
        Protect("documents_embedding", parent=_VERSION),
        # Those of everybody's documents have no owner: the system alone sees them.
        Protect("documents_reindexing"),
    ]
