"""People in the admin: who they are, what role they hold. Their mail is not reachable here."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    list_display = (
        "username",
        "last_name",
        "first_name",
        "kind",
        "profession",
        "is_active",
        "is_staff",
    )
    list_filter = ("kind", "is_active", "is_staff")
    search_fields = ("username", "last_name", "first_name", "national_id")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (
            _("Identity"),
            {"fields": ("kind", "title", "first_name", "last_name", "profession", "national_id")},
        ),
        (
            _("Rights"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "kind", "first_name", "last_name", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Who an account belongs to and what it may do never changes without a trace; the trail
        names fields, not values.
        """
        super().save_model(request, obj, form, change)
        actor = request.user if isinstance(request.user, User) else None
        if change and not form.changed_data:
            return
        record_event(
            Event.ACCOUNT_PERSON_CHANGED if change else Event.ACCOUNT_PERSON_CREATED,
            actor=actor,
            detail={"person": obj.pk, "fields": ",".join(sorted(form.changed_data))},
        )
