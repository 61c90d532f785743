from django.apps import AppConfig


class SearchingConfig(AppConfig):
    name = "chats.searching"
    label = "searching"

    def ready(self) -> None:
        from accounts.rights import holdings
        from chats.searching.holding import SearchIndexHolding

        holdings.register(SearchIndexHolding())
