"""Which database a table lives in. It knows app labels and aliases, no table and no query."""

from typing import Any

from django.conf import settings
from django.db.models import Model

DIRECTORY = "directory"


class DirectoryRouter:
    """The national references have an alias of their own wherever the settings name one."""

    def _alias(self, app_label: str) -> str:
        if app_label == "directory" and DIRECTORY in settings.DATABASES:
            return DIRECTORY
        return "default"

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return self._alias(model._meta.app_label)

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        return self._alias(model._meta.app_label)

    def allow_relation(self, first: Model, second: Model, **_hints: Any) -> bool:
        return self._alias(first._meta.app_label) == self._alias(second._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return db == self._alias(app_label)
