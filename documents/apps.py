from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"

    def ready(self) -> None:
        from accounts.limits import quotas
        from accounts.rights import holdings
        from documents.holding import DocumentsHolding
        from documents.usage import stored_bytes

        holdings.register(DocumentsHolding())
        quotas.count_storage("documents", stored_bytes)
