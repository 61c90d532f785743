from django.apps import AppConfig


class SourcesConfig(AppConfig):
    name = "documents.sources"
    label = "sources"

    def ready(self) -> None:
        from accounts.rights import holdings
        from documents.sources.holding import SourcesHolding

        holdings.register(SourcesHolding())
