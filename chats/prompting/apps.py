from django.apps import AppConfig


class PromptingConfig(AppConfig):
    name = "chats.prompting"
    label = "prompting"

    def ready(self) -> None:
        from accounts.rights import holdings
        from chats.prompting.holding import PromptsHolding

        holdings.register(PromptsHolding())
