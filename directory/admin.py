"""The trust space as administrators see it: white lists and their entries, to look at and never to
write.

Only a verified list changes these rows, so no page here can.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from directory.models import TrustedDomain, WhitelistSnapshot


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002  (Django's signature.)
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(WhitelistSnapshot)
class WhitelistSnapshotAdmin(ReadOnlyAdmin):
    list_display = [
        "pk",
        "is_active",
        "generated_at",
        "loaded_at",
        "checked_at",
        "entry_count",
        "domain_count",
    ]
    list_filter = ["is_active"]
    search_fields = ["signer", "digest"]


@admin.register(TrustedDomain)
class TrustedDomainAdmin(ReadOnlyAdmin):
    list_display = ["domain", "dn", "description", "snapshot"]
    list_filter = ["snapshot__is_active"]
    list_select_related = ["snapshot"]
    search_fields = ["domain", "dn"]
