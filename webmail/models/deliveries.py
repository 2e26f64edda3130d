"""One row per recipient of a sent message: the outbox. The row is the queue; its state says what
became of the letter.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webmail.models.mailboxes import Mailbox
from webmail.models.messages import Message, Recipient


class DeliveryState(models.TextChoices):
    QUEUED = "queued", _("queued")
    IN_FLIGHT = "in_flight", _("in flight")
    DEFERRED = "deferred", _("deferred")
    ACCEPTED = "accepted", _("accepted")
    DELIVERED = "delivered", _("delivered")
    READ = "read", _("read")
    TAKEN_IN_CHARGE = "taken_in_charge", _("taken in charge")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


_S = DeliveryState

# From which states a delivery may come into each state.
TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    _S.QUEUED: frozenset({_S.IN_FLIGHT}),
    _S.IN_FLIGHT: frozenset({_S.QUEUED, _S.DEFERRED}),
    _S.DEFERRED: frozenset({_S.IN_FLIGHT}),
    _S.ACCEPTED: frozenset({_S.IN_FLIGHT}),
    _S.DELIVERED: frozenset({_S.ACCEPTED}),
    _S.READ: frozenset({_S.ACCEPTED, _S.DELIVERED}),
    _S.TAKEN_IN_CHARGE: frozenset({_S.ACCEPTED, _S.DELIVERED, _S.READ}),
    _S.FAILED: frozenset(
        {
            _S.QUEUED,
            _S.IN_FLIGHT,
            _S.DEFERRED,
            _S.ACCEPTED,
            _S.DELIVERED,
        }
    ),
    _S.CANCELLED: frozenset({_S.QUEUED, _S.DEFERRED}),
}
FINAL = frozenset({_S.FAILED, _S.CANCELLED, _S.TAKEN_IN_CHARGE})


class Delivery(models.Model):
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    recipient = models.OneToOneField(Recipient, on_delete=models.CASCADE, related_name="delivery")
    # The sender's, as the message says: lists and counters of a box ask for it without a join.
    # None for what a machine wrote: it is in no box's outbox.
    mailbox = models.ForeignKey(
        Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    domain = models.CharField(_("domain"), max_length=255)
    state = models.CharField(
        _("state"), max_length=15, choices=DeliveryState, default=DeliveryState.QUEUED
    )
    state_at = models.DateTimeField(_("since"))
    created_at = models.DateTimeField(_("sent"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    # A claim is a lease: whoever holds the token may write the outcome while it lasts.
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    # Set before the final dot leaves. Without an outcome, the peer may or may not have the letter.
    dot_at = models.DateTimeField(null=True, blank=True)
    # When its sender was told that it takes long, once.
    delay_told_at = models.DateTimeField(_("delay told"), null=True, blank=True)
    is_uncertain = models.BooleanField(_("uncertain"), default=False)

    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    taken_at = models.DateTimeField(_("taken in charge"), null=True, blank=True)

    # Why it is where it is: a slug for the sentence, the peer's own words for the operator.
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    smtp_code = models.PositiveIntegerField(_("SMTP code"), null=True, blank=True)
    enhanced_code = models.CharField(_("enhanced code"), max_length=12, blank=True)
    diagnostic = models.TextField(_("peer's answer"), blank=True)
    peer_host = models.CharField(_("peer host"), max_length=255, blank=True)
    peer_dn = models.TextField(_("peer's certificate"), blank=True)
    tls_version = models.CharField(_("TLS"), max_length=10, blank=True)
    whitelist_version = models.BigIntegerField(_("white list version"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(
                fields=["domain", "next_attempt_at"],
                condition=Q(state__in=["queued", "deferred"]),
                name="delivery_due",
            ),
            models.Index(
                fields=["mailbox", "-created_at", "-id"],
                condition=Q(state__in=["queued", "in_flight", "deferred", "failed"]),
                name="delivery_outbox",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["queued", "deferred"], delay_told_at__isnull=True),
                name="delivery_delay_untold",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="in_flight"), name="delivery_leases"
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"
