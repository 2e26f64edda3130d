"""Who is there: people, keys, sessions. The app's registration and nothing else."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"
