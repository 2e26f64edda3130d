"""The roof of the house: settings, addresses, Celery, the demonstration. Nobody imports it."""

from mssante.celery import app as celery_app

__all__ = ["celery_app"]
