from django.apps import AppConfig


class CollectionsConfig(AppConfig):
    name = "documents.collections"
    label = "collections"

    def ready(self) -> None:
        from accounts.rights import holdings
        from documents.collections.holding import CollectionSharesHolding

        holdings.register(CollectionSharesHolding())
