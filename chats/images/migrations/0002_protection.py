from django.db import migrations

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("sharing", "0002_protection"), ("images", "0001_initial")]
    operations = [
        Protect("images_picture", parent=("message_id", "chats_message")),
        # Viewers see the pictures of what is shared with them (chats.sharing.policies); never those not sent yet.
        migrations.RunSQL(
            "CREATE POLICY by_share ON images_picture FOR SELECT "
            "USING (message_id IS NOT NULL AND sharing_message_is_readable(message_id))",
            "DROP POLICY by_share ON images_picture",
        ),
    ]
