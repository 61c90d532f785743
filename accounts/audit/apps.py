from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "accounts.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from accounts.audit import sign_in

        sign_in.connect()
