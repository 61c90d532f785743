from django.apps import AppConfig


class LockOutConfig(AppConfig):
    name = "accounts.lock_out"
    label = "lock_out"
    verbose_name = "Sign-in"
