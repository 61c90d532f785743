from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "accounts.sessions"
    label = "user_sessions"
