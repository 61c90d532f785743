from django.apps import AppConfig


class RightsConfig(AppConfig):
    name = "accounts.rights"
    label = "rights"
    verbose_name = "Rights over one's data"

    def ready(self) -> None:
        from accounts.rights import holdings
        from accounts.rights.own import AccountHolding

        holdings.register(AccountHolding())
