from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"

    def ready(self) -> None:
        from accounts.limits import quotas
        from documents.usage import stored_bytes

        quotas.count_storage("documents", stored_bytes)
