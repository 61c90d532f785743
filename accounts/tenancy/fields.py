from typing import Any

from django.conf import settings
from django.db import models


class OwnerField(models.ForeignKey[Any, Any]):
    """Whose row this is, on rows that belong to another row: taken over from it, so that nobody has to say it twice.

    Without index and constraint of its own: it is never looked up by itself, and the database compares it with the
    parent's (accounts.tenancy.protection).
    """

    def __init__(self, through: str = "", **kwargs: Any) -> None:
        self.through = through
        for name, value in {
            "to": settings.AUTH_USER_MODEL,
            "on_delete": models.DO_NOTHING,
            "db_constraint": False,
            "db_index": False,
            "editable": False,
            "related_name": "+",
        }.items():
            kwargs.setdefault(name, value)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "through": self.through}

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if getattr(model_instance, self.attname) is None and self.through:
            setattr(model_instance, self.attname, getattr(model_instance, self.through).owner_id)
        return super().pre_save(model_instance, add)
