"""The roof's own app: it brings the system checks and the translations, no model."""

from django.apps import AppConfig


class MSSanteConfig(AppConfig):
    name = "mssante"

    def ready(self) -> None:
        from mssante import checks  # noqa: F401, PLC0415  (Registers them.)
