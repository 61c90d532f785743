import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.tenancy.protection import Protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="TokensSpent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField(help_text="in the time zone of the installation")),
                ("tokens", models.PositiveBigIntegerField(default=0)),
                ("answers", models.PositiveIntegerField(default=0)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "tokens of a day", "verbose_name_plural": "tokens of days"},
        ),
        Protect("limits_tokensspent"),
    ]
