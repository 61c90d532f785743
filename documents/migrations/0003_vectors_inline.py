from django.db import migrations


class Migration(migrations.Migration):
    """Keep vectors in their row: fetching them one by one from TOAST makes an exact scan twice as slow."""

    dependencies = [("documents", "0002_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE documents_embedding ALTER COLUMN vector SET STORAGE PLAIN",
            "ALTER TABLE documents_embedding ALTER COLUMN vector SET STORAGE EXTERNAL",
        ),
    ]
