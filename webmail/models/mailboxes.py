"""Mailboxes, their folders, and who may do what in them. They know no message."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _, pgettext_lazy


class MailboxKind(models.TextChoices):
    PER = "PER", _("personal")
    ORG = "ORG", _("organisational")
    APP = "APP", _("application")
    CAB = "CAB", _("practice")
    PATIENT = (
        "PATIENT",
        _("patient"),
    )  # The portal's own patient inbox: never routable from outside.


class MailboxStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    CLOSED = "closed", _("closed")


class FolderRole(models.TextChoices):
    """IMAP's special-use folders (RFC 6154)."""

    INBOX = "inbox", _("Inbox")
    DRAFTS = "drafts", _("Drafts")
    SENT = "sent", _("Sent and followed")
    ARCHIVE = "archive", _("Archive")
    JUNK = "junk", _("Junk")
    TRASH = "trash", _("Trash")


class Right(StrEnum):
    """What a person may do in a box; each is a column of ``MailboxAccess``."""

    READ = "can_read"
    FILE = "can_file"
    PREPARE = "can_prepare"  # Drafts for another to release.
    SEND = "can_send"
    MANAGE = "can_manage"


class Mailbox(models.Model):
    address = models.CharField(_("address"), max_length=254, unique=True)
    kind = models.CharField(_("kind"), max_length=7, choices=MailboxKind)
    name = models.CharField(_("name"), max_length=120)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("holder"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="held_mailboxes",
    )
    status = models.CharField(
        _("status"), max_length=9, choices=MailboxStatus, default=MailboxStatus.ACTIVE
    )
    wrapped_key = models.BinaryField(editable=False)  # The data key, under the master key.
    quota_bytes = models.BigIntegerField(_("quota, bytes"))
    used_bytes = models.BigIntegerField(_("used, bytes"), default=0, editable=False)
    unread = models.PositiveIntegerField(_("unread"), default=0, editable=False)
    modseq = models.BigIntegerField(default=0, editable=False)  # Orders every change of the box.
    created_at = models.DateTimeField(_("opened"), auto_now_add=True)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        constraints = [
            models.CheckConstraint(
                condition=Q(address=Lower(F("address"))), name="mailbox_address_is_lower_case"
            ),
            models.CheckConstraint(
                condition=~Q(kind="PER") | Q(holder__isnull=False),
                name="personal_mailbox_has_a_holder",
            ),
        ]

    def __str__(self) -> str:
        return self.address


class MailboxAccess(models.Model):
    """One person's rights in one box. The holder's own rights are such a row too: there is no other
    way in.
    """

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="accesses")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="mailbox_accesses",
    )
    can_read = models.BooleanField(pgettext_lazy("right", "read"), default=True)
    can_file = models.BooleanField(_("file"), default=False)
    can_prepare = models.BooleanField(_("prepare drafts"), default=False)
    can_send = models.BooleanField(_("send"), default=False)
    can_manage = models.BooleanField(_("manage"), default=False)
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("right on a mailbox")
        verbose_name_plural = _("rights on mailboxes")
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "user"], name="one_access_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.mailbox} / {self.user}"


class Folder(models.Model):
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="folders")
    role = models.CharField(max_length=7, choices=FolderRole)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "role"], name="one_folder_per_role"),
        ]

    def __str__(self) -> str:
        return f"{self.mailbox_id}/{self.role}"
