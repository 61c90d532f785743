from django.apps import AppConfig


class ChatsConfig(AppConfig):
    name = "chats"

    def ready(self) -> None:
        from accounts.rights import holdings
        from chats.holding import ChatsHolding

        holdings.register(ChatsHolding())
