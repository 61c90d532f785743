from typing import Any

from django.contrib.auth.management.commands import changepassword

from accounts.management.running import require_database


class Command(changepassword.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:  # before Django looks at the migrations
        require_database()
        return super().execute(*args, **options)
