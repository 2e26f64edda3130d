"""The closed list of audit events, ``subject:object:action``. It knows names only."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    ACCOUNT_LOGIN_REFUSED = "account:login:refused", _("login refused")
    ACCOUNT_PERSON_CHANGED = "account:person:changed", _("person changed")
    ACCOUNT_PERSON_CREATED = "account:person:created", _("person created")
    ACCOUNT_SESSION_CLOSED = "account:session:closed", _("logged out")
    ACCOUNT_SESSION_OPENED = "account:session:opened", _("logged in")
    DELIVERY_ACCEPTED = "delivery:state:accepted", _("accepted by the recipient's operator")
    DELIVERY_CANCELLED = "delivery:state:cancelled", _("delivery cancelled")
    DELIVERY_DEFERRED = "delivery:state:deferred", _("delivery deferred")
    DELIVERY_DELIVERED = "delivery:state:delivered", _("delivered to the mailbox")
    DELIVERY_FAILED = "delivery:state:failed", _("delivery failed")
    DELIVERY_HASTENED = "delivery:retry:asked", _("delivery to be tried at once")
    DELIVERY_IN_FLIGHT = "delivery:state:in_flight", _("delivery attempted")
    DELIVERY_QUEUED = "delivery:state:queued", _("delivery queued")
    DELIVERY_READ = "delivery:state:read", _("read receipt received")
    DELIVERY_REPORT_KEPT = "delivery:report:kept", _("late report kept")
    DELIVERY_TAKEN = "delivery:state:taken_in_charge", _("taken in charge")
    INBOUND_MESSAGE_ACCEPTED = "inbound:message:accepted", _("message received from a peer")
    INBOUND_MESSAGE_REFUSED = "inbound:message:refused", _("message refused from a peer")
    INBOUND_MESSAGE_SET_ASIDE = "inbound:message:set_aside", _("message set aside")
    MAILBOX_ACCESS_GRANTED = "mailbox:access:granted", _("right on a mailbox granted or changed")
    MAILBOX_ACCESS_REVOKED = "mailbox:access:revoked", _("right on a mailbox revoked")
    MAILBOX_ATTACHMENT_DOWNLOADED = "mailbox:attachment:downloaded", _("attachment downloaded")
    MAILBOX_BOX_CHANGED = "mailbox:box:changed", _("mailbox changed")
    MAILBOX_BOX_OPENED = "mailbox:box:opened", _("mailbox opened")
    MAILBOX_DRAFT_DISCARDED = "mailbox:draft:discarded", _("draft discarded")
    MAILBOX_MESSAGE_DEPOSITED = "mailbox:message:deposited", _("message deposited")
    MAILBOX_MESSAGE_READ = "mailbox:message:read", _("message read")
    MAILBOX_MESSAGE_SENT = "mailbox:message:sent", _("message sent")
    MAILBOX_RUN_BEGUN = "mailbox:run:begun", _("run of letters begun")
    MAILBOX_SOURCE_DOWNLOADED = "mailbox:source:downloaded", _("source downloaded")
