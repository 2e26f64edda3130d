"""People. What passes through here is who someone is; it does not know what mail they may read."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class UserKind(models.TextChoices):
    PROFESSIONAL = "professional", _("Health professional")
    STAFF = "staff", _("Staff")
    PATIENT = "patient", _("Patient")


class User(AbstractUser):
    """One person, one account. Administrators are a role (``is_staff``) of kind staff or
    professional, never of patients.
    """

    kind = models.CharField(_("kind"), max_length=12, choices=UserKind)
    # PS_IdNat: ``8`` + RPPS for professionals (operator reference, life cycle of mailboxes); empty
    # for the others.
    national_id = models.CharField(_("national identifier"), max_length=20, blank=True)
    title = models.CharField(_("title"), max_length=20, blank=True)
    profession = models.CharField(_("profession"), max_length=80, blank=True)
    email = models.EmailField(_("e-mail address"), blank=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.UniqueConstraint(
                fields=["national_id"],
                condition=~models.Q(national_id=""),
                name="one_account_per_national_id",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="patient", is_staff=True)
                & ~models.Q(kind="patient", is_superuser=True),
                name="no_patient_administers",
            ),
        ]

    @property
    def shown_name(self) -> str:
        """Title, first name, last name as people say them; the login when nothing else is known."""
        name = " ".join(part for part in (self.title, self.first_name, self.last_name) if part)
        return name or self.username

    @property
    def initials(self) -> str:
        letters = [part[0] for part in (self.first_name, self.last_name) if part]
        return "".join(letters).upper() or self.username[:2].upper()

    @property
    def is_patient(self) -> bool:
        return self.kind == UserKind.PATIENT
