"""What a peer handed over and we answered 250 for, until it lies in its mailboxes. The row is the
queue.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webmail.models.deliveries import Delivery
from webmail.models.mailboxes import Mailbox


class SpoolState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    PROCESSING = "processing", _("in progress")
    DONE = "done", _("deposited")
    SET_ASIDE = "set_aside", _("set aside")


class InboundMessage(models.Model):
    name = models.CharField(max_length=40, unique=True)  # Of the file in the spool folder, if any.
    # Encrypted frames of a small message; empty: they lie in the file.
    content = models.BinaryField(default=bytes, editable=False)
    wrapped_key = models.BinaryField(editable=False)  # The file's own key, under the master key.
    size = models.BigIntegerField(_("size"))
    state = models.CharField(
        _("state"), max_length=10, choices=SpoolState, default=SpoolState.WAITING
    )
    received_at = models.DateTimeField(_("received"))
    envelope_from = models.CharField(_("envelope sender"), max_length=320, blank=True)  # Masked so.
    peer_host = models.CharField(_("peer host"), max_length=255, blank=True)
    peer_name = models.CharField(_("EHLO name"), max_length=255, blank=True)
    peer_dn = models.TextField(_("peer's certificate"), blank=True)  # Empty: from our own house.
    tls_version = models.CharField(_("TLS"), max_length=10, blank=True)
    whitelist_version = models.BigIntegerField(_("white list version"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(
        _("problem"), max_length=80, blank=True
    )  # An error's class, no text.

    class Meta:
        verbose_name = _("received message")
        verbose_name_plural = _("received messages (spool)")
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["waiting", "processing"]),
                name="spool_due",
            ),
            models.Index(
                fields=["received_at"], condition=Q(state="set_aside"), name="spool_set_aside"
            ),
        ]

    def __str__(self) -> str:
        return f"spool {self.pk}"


class InboundRecipient(models.Model):
    inbound = models.ForeignKey(InboundMessage, on_delete=models.CASCADE, related_name="recipients")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="+")
    deposited_at = models.DateTimeField(null=True, blank=True)
    # A letter from one of our own boxes: the delivery that waits for the word that it lies there.
    delivery = models.ForeignKey(
        Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What the peer asked to be told (RFC 3461): events; the recipient and the letter in its own
    # words, which may name a patient.
    notify = models.CharField(max_length=24, blank=True)
    sealed_original = models.BinaryField(default=bytes, editable=False)
    sealed_envelope_id = models.BinaryField(default=bytes, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["inbound", "mailbox"], name="one_copy_per_mailbox"),
        ]

    def __str__(self) -> str:
        return f"spool recipient {self.pk}"
