"""The demonstration as an app, for its management commands alone; installed by the demonstration's
and the tests' settings.
"""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "mssante.demo"
    label = "demo"
