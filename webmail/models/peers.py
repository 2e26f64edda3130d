"""What we remember of each peer between two conversations: whether it fails, since when, and until
when it is left alone.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PeerState(models.Model):
    """No row: nothing is wrong that we know of."""

    domain = models.CharField(_("domain"), max_length=255, unique=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    failing_since = models.DateTimeField(_("failing since"))
    retry_at = models.DateTimeField(_("next attempt"))
    reason = models.CharField(_("reason"), max_length=40)

    class Meta:
        verbose_name = _("peer in trouble")
        verbose_name_plural = _("peers in trouble")

    def __str__(self) -> str:
        return self.domain
