from typing import Any

from django.contrib.auth.management.commands import changepassword

from accounts import audit
from accounts.management.running import require_database
from accounts.models import User


class Command(changepassword.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:  # before Django looks at the migrations
        require_database()
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> str | None:
        done = super().handle(*args, **options)
        user = User.objects.get_by_natural_key(options["username"])
        audit.record(audit.Action.PASSWORD_CHANGED, resource=("user", user.pk), by="operator")
        return done
