from django.apps import AppConfig


class LLMsConfig(AppConfig):
    name = "llms"
