"""People in the admin: who they are, what role they hold. Their mail is not reachable here."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.utils.translation import gettext_lazy as _

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
