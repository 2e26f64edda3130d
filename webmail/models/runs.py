"""A run of letters: many letters that one box sends for one purpose, followed together."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from webmail.models.mailboxes import Mailbox


class LetterRun(models.Model):
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="runs")
    # Of the list it was made from: the same list again goes on with the same run.
    key = models.CharField(max_length=64)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.PROTECT
    )
    sealed_label = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    expected = models.PositiveIntegerField(_("letters"), default=0)

    class Meta:
        verbose_name = _("run of letters")
        verbose_name_plural = _("runs of letters")
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "key"], name="one_run_per_list"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"
