"""One row per deed. Rows are inserted and never changed; they hold ids, domains and codes, no
content and no address.
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.audit.events import Event


class AuditEvent(models.Model):
    at = models.DateTimeField(_("when"), db_index=True)
    event = models.CharField(_("event"), max_length=40, choices=Event, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("who"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    mailbox_id = models.BigIntegerField(_("mailbox"), null=True, blank=True, db_index=True)
    message_id = models.BigIntegerField(_("message"), null=True, blank=True, db_index=True)
    # Codes, domains, certificate names, list versions: what explains the deed, as text pairs.
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.event}"
