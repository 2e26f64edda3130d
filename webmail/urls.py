"""Addresses of the mail pages. Numbers and folder names only: nothing in an address tells what a
letter says.
"""

from django.urls import path

from webmail.portal import home as portal
from webmail.web import attachments, composer, folders, reader

urlpatterns = [
    path("", folders.home, name="home"),
    path("messages/", folders.inbox, name="inbox"),
    path("sans-boite/", folders.no_mailbox, name="no_mailbox"),
    path("messages/ecrire/", composer.compose, name="compose"),
    path("messages/ecrire/enregistrer/", composer.compose_save, name="compose_save"),
    path("messages/<int:message_id>/corps/", reader.message_body, name="message_body"),
    path("messages/<int:message_id>/original/", reader.message_source, name="message_source"),
    path("boites/<int:mailbox_id>/<slug:role>/", folders.folder, name="folder"),
    path("boites/<int:mailbox_id>/<slug:role>/nouveau/", folders.folder_live, name="folder_live"),
    path("conversations/<int:thread_id>/", reader.thread, name="thread"),
    path("conversations/<int:thread_id>/suivi/", reader.thread_live, name="thread_live"),
    path("pieces/<int:attachment_id>/", attachments.attachment, name="attachment"),
    path("patient/", portal.home, name="portal_home"),
]
