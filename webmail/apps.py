"""Mail. The app's registration and nothing else."""

from django.apps import AppConfig


class WebmailConfig(AppConfig):
    name = "webmail"
    verbose_name = "Mail"
