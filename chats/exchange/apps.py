from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "chats.exchange"
    label = "exchange"

    def ready(self) -> None:
        from accounts.rights import holdings
        from chats.exchange.holding import ExchangeHolding

        holdings.register(ExchangeHolding())
