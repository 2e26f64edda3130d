"""The white list of the trust space as rows: one snapshot per published file, its entries below it.

These tables know domains and certificate names; they know no user, no mailbox and no mail.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class WhitelistSnapshot(models.Model):
    """One verified white list; its primary key is the version that logs and admin name."""

    generated_at = models.DateTimeField(_("generated at"))
    loaded_at = models.DateTimeField(_("loaded at"))
    checked_at = models.DateTimeField(
        _("checked at"), help_text=_("The last time the source confirmed this list.")
    )
    signer = models.TextField(_("signer"))
    digest = models.CharField(_("SHA-256 digest"), max_length=64)
    entry_count = models.PositiveIntegerField(_("entries"))
    domain_count = models.PositiveIntegerField(_("domains"))
    is_active = models.BooleanField(_("active"), default=False)

    class Meta:
        verbose_name = _("white list")
        verbose_name_plural = _("white lists")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"],
                condition=models.Q(is_active=True),
                name="at_most_one_active_whitelist",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.generated_at:%Y-%m-%d %H:%M})"

    @property
    def version(self) -> int:
        return int(self.pk)


class TrustedDomain(models.Model):
    """A mail domain and one certificate name that may speak for it; a domain may have several."""

    snapshot = models.ForeignKey(
        WhitelistSnapshot,
        on_delete=models.CASCADE,
        related_name="entries",
        verbose_name=_("white list"),
    )
    domain = models.CharField(_("domain"), max_length=253, db_index=True)
    dn = models.TextField(_("certificate name"), help_text=_("As the list writes it."))
    dn_hash = models.CharField(_("hash of the normalised name"), max_length=64, db_index=True)
    description = models.TextField(_("description"), blank=True)

    class Meta:
        verbose_name = _("trusted domain")
        verbose_name_plural = _("trusted domains")
        ordering = ["domain", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "domain", "dn_hash"], name="unique_trusted_domain"
            )
        ]

    def __str__(self) -> str:
        return self.domain
