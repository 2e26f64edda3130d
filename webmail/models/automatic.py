"""What a machine of ours has to say to a sender outside: the wish is a row here, in the transaction
of its cause; the outgoing road writes the letter and sends it.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webmail.models.messages import Message
from webmail.models.spool import InboundRecipient


class AutomaticKind(models.TextChoices):
    DELIVERED = "delivered", _("delivered")
    DELAYED = "delayed", _("delayed")
    FAILED = "failed", _("not delivered")


class AutomaticState(models.TextChoices):
    WAITING = "waiting", _("to be written")
    SENT = "sent", _("handed to the outbox")
    DROPPED = "dropped", _("not sent")


class AutomaticMessage(models.Model):
    """One report on one received letter, for the one who sent it."""

    kind = models.CharField(_("kind"), max_length=9, choices=AutomaticKind)
    state = models.CharField(
        _("state"), max_length=7, choices=AutomaticState, default=AutomaticState.WAITING
    )
    created_at = models.DateTimeField(_("asked"))
    # The cause: a letter for one box, and where it lies when it was deposited.
    recipient = models.ForeignKey(
        InboundRecipient, on_delete=models.CASCADE, related_name="automatic_messages"
    )
    about = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    sealed_to = models.BinaryField(editable=False)  # Whom it goes to.
    message = models.OneToOneField(  # The letter, once written.
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="automatic"
    )

    class Meta:
        verbose_name = _("automatic message")
        verbose_name_plural = _("automatic messages")
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "kind"], name="one_automatic_message_per_recipient"
            ),
            # A copy the peer sent again lies where the first one does, and says nothing new.
            models.UniqueConstraint(
                fields=["about", "kind"], name="one_automatic_message_per_deposit"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="automatic_waiting"),
        ]

    def __str__(self) -> str:
        return f"automatic message {self.pk}"
