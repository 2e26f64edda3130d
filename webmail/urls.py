"""Addresses of the mail pages. Numbers and folder names only: nothing in an address tells what a
letter says.
"""

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from webmail.portal import home as portal
from webmail.web import attachments, composer, folders, outbox, reader, runs


class RowNumber(IntConverter):
    """A number a row can have: a longer one is no address of ours, whatever the database thinks."""

    regex = "[0-9]{1,18}"


register_converter(RowNumber, "pk")

urlpatterns = [
    path("", folders.home, name="home"),
    path("messages/", folders.inbox, name="inbox"),
    path("sans-boite/", folders.no_mailbox, name="no_mailbox"),
    path("messages/ecrire/", composer.compose, name="compose"),
    path("messages/ecrire/enregistrer/", composer.compose_save, name="compose_save"),
    path("messages/<pk:message_id>/corps/", reader.message_body, name="message_body"),
    path("messages/<pk:message_id>/original/", reader.message_source, name="message_source"),
    path("boites/<pk:mailbox_id>/envoi/", outbox.outbox, name="outbox"),
    path("boites/<pk:mailbox_id>/envoi/nouveau/", outbox.outbox_live, name="outbox_live"),
    path("boites/<pk:mailbox_id>/envoi/agir/", outbox.outbox_act, name="outbox_act"),
    path("boites/<pk:mailbox_id>/series/", runs.runs, name="runs"),
    path("series/<pk:run_id>/", runs.run, name="run"),
    path("series/<pk:run_id>/nouveau/", runs.run_live, name="run_live"),
    path("boites/<pk:mailbox_id>/<slug:role>/", folders.folder, name="folder"),
    path("boites/<pk:mailbox_id>/<slug:role>/nouveau/", folders.folder_live, name="folder_live"),
    path("conversations/<pk:thread_id>/", reader.thread, name="thread"),
    path("conversations/<pk:thread_id>/suivi/", reader.thread_live, name="thread_live"),
    path("pieces/<pk:attachment_id>/", attachments.attachment, name="attachment"),
    path("patient/", portal.home, name="portal_home"),
]
