"""What the nation publishes: the trust space today. The app's registration and nothing else."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DirectoryConfig(AppConfig):
    name = "directory"
    verbose_name = _("National directory")
