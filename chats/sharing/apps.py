from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "chats.sharing"
    label = "sharing"

    def ready(self) -> None:
        from accounts.rights import holdings
        from chats.sharing.holding import SharesHolding

        holdings.register(SharesHolding())
