from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ChatsiteConfig(AppConfig):
    name = "chatsite"

    def ready(self) -> None:
        # Makes the Celery application the current one, so that `.delay()` finds the broker in every process.
        import chatsite.celery  # noqa: F401
        from chatsite import checks  # noqa: F401 - registers them


class AdministrationConfig(AdminConfig):
    default_site = "chatsite.administration.site.Site"
