"""The audit trail in the admin: read, search, never change."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.audit.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin[AuditEvent]):
    list_display = ("at", "event", "actor", "mailbox_id", "message_id", "detail")
    list_filter = ("event",)
    search_fields = ("actor__username", "actor__last_name", "=mailbox_id", "=message_id")
    list_select_related = ("actor",)
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:  # noqa: ARG002
        return False
