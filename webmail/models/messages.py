"""Messages, their people, their parts. What the sender wrote lies in sealed columns or encrypted
blobs; what routing and tracking need (addresses of professionals, dates, sizes, states) is plain.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webmail.models.mailboxes import Folder, Mailbox
from webmail.models.runs import LetterRun

LONGEST_MESSAGE_ID = 998  # RFC 5322 §2.1.1: a line is no longer.


class Blob(models.Model):
    """One distinct content under one mailbox's key, encrypted: in the row when it is small, else in
    the storage ``blobs``.
    """

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="blobs")
    content_hash = models.CharField(max_length=64)  # Keyed: it tells nothing to whom has no key.
    name = models.CharField(max_length=100, unique=True)  # In the storage, and bound to the frames.
    content = models.BinaryField(default=bytes)  # Encrypted frames; empty: they lie in the storage.
    size = models.BigIntegerField()  # Bytes of the content.
    references = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox", "content_hash"], name="one_blob_per_content"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Thread(models.Model):
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="threads")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"thread {self.pk}"


class MessageState(models.TextChoices):
    DRAFT = "draft", _("draft")
    SENT = "sent", _("sent")
    RECEIVED = "received", _("received")
    AUTOMATIC = "automatic", _("automatic")  # A machine's, to the outside: no page shows it.


class Message(models.Model):
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="messages")
    folder = models.ForeignKey(
        Folder, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    thread = models.ForeignKey(
        Thread, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    state = models.CharField(max_length=9, choices=MessageState)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    rfc_message_id = models.CharField(max_length=LONGEST_MESSAGE_ID, blank=True, db_index=True)
    in_reply_to = models.CharField(max_length=LONGEST_MESSAGE_ID, blank=True)
    references = models.TextField(blank=True)  # Message-IDs, separated by spaces.
    date = models.DateTimeField(null=True, blank=True)  # What the sender's header says.
    at = models.DateTimeField()  # When we received, sent or last saved it; what lists sort by.
    from_address = models.CharField(max_length=320, blank=True)  # Masked for patients.
    peer = models.CharField(
        max_length=255, blank=True
    )  # Sender's domain, ``<>``, or empty inside the house.
    digest = models.CharField(max_length=64, blank=True)  # Keyed hash of the bytes as they arrived.
    size = models.BigIntegerField(default=0)
    attachment_count = models.PositiveIntegerField(default=0)
    is_seen = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=0)  # Of a draft: each save counts.
    # One per opened writing page: a double click, a reload or a retry finds the letter it already
    # made.
    compose_key = models.CharField(max_length=64, blank=True)

    sealed_from = models.BinaryField(default=bytes)  # Name and address, as JSON.
    sealed_subject = models.BinaryField(default=bytes)
    sealed_snippet = models.BinaryField(default=bytes)
    sealed_draft = models.BinaryField(
        default=bytes
    )  # What was typed: recipients, body. Drafts only.

    run = models.ForeignKey(
        LetterRun, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    source = models.ForeignKey(
        Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reading = models.ForeignKey(  # The derived forms a page shows, made once by the worker.
        Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reading_version = models.PositiveIntegerField(default=0)  # Of the rules that made them.

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # A second run of the pipeline, or a copy sent again by the peer, deposits nothing.
            models.UniqueConstraint(
                fields=["mailbox", "peer", "rfc_message_id", "digest"],
                condition=Q(state="received"),
                name="one_deposit_per_message",
            ),
            models.UniqueConstraint(
                fields=["mailbox", "compose_key"],
                condition=~Q(compose_key=""),
                name="one_letter_per_writing_page",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "automatic"]) | Q(thread__isnull=False),
                name="only_drafts_have_no_thread",
            ),
            models.CheckConstraint(
                condition=Q(state="automatic", folder__isnull=True, thread__isnull=True)
                | (~Q(state="automatic") & Q(folder__isnull=False)),
                name="only_automatic_ones_lie_nowhere",
            ),
        ]
        indexes = [
            models.Index(fields=["folder", "-at", "-id"], name="message_list"),
            models.Index(fields=["mailbox", "rfc_message_id"], name="message_by_rfc_id"),
            models.Index(fields=["thread", "folder", "-at", "-id"], name="message_in_thread"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def folder_role(self) -> str:
        """Empty for what lies in no folder."""
        return self.folder.role if self.folder is not None else ""


class RecipientKind(models.TextChoices):
    TO = "to", _("To")
    CC = "cc", _("Cc")
    BCC = "bcc", _("Bcc")


class Recipient(models.Model):
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="recipients")
    kind = models.CharField(max_length=3, choices=RecipientKind)
    position = models.PositiveIntegerField()
    address = models.CharField(max_length=320)  # Masked for patients: theirs holds an identity.
    sealed_person = models.BinaryField(default=bytes)  # Name and address, as JSON.

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["message", "position"], name="recipient_positions"),
        ]

    def __str__(self) -> str:
        return f"recipient {self.pk}"


class Attachment(models.Model):
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    position = models.PositiveIntegerField()
    sealed_name = models.BinaryField()
    content_type = models.CharField(max_length=120)
    size = models.BigIntegerField()
    is_inline = models.BooleanField(default=False)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["message", "position"], name="attachment_positions"),
        ]

    def __str__(self) -> str:
        return f"attachment {self.pk}"
