"""The audit trail in the admin: read, search, never change."""

from django.contrib import admin

from accounts.audit.models import AuditEvent
from directory.admin import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "event", "actor", "mailbox_id", "message_id", "detail")
    list_filter = ("event",)
    search_fields = ("actor__username", "actor__last_name", "=mailbox_id", "=message_id")
    list_select_related = ("actor",)
    date_hierarchy = "at"
