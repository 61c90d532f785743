from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class SecondFactorConfig(AppConfig):
    name = "accounts.second_factor"
    label = "second_factor"

    def ready(self) -> None:
        from accounts.second_factor.confirming import note_sign_in

        # Django's own signal: every way to sign in, of whatever provider, ends in it.
        user_logged_in.connect(note_sign_in, dispatch_uid="second_factor.note_sign_in")
