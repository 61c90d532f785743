from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "chats.evaluation"
    label = "evaluation"

    def ready(self) -> None:
        from accounts.rights import holdings
        from chats.evaluation.holding import EvaluationHolding

        holdings.register(EvaluationHolding())
