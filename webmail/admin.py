"""Mail in the admin: boxes, rights, outbox, spool. Rows and states only: no subject, no text, no
file name is reachable here.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from directory.admin import ReadOnlyAdmin
from webmail.mailbox.opening import address_fault, open_mailbox
from webmail.mailbox.sharing import change_mailbox, grant_access, revoke_access
from webmail.mime.addresses import normalise_address
from webmail.models import (
    AutomaticMessage,
    Delivery,
    InboundMessage,
    LetterRun,
    Mailbox,
    MailboxAccess,
    MailboxKind,
    PeerState,
)
from webmail.outbound.waiting import Done, cancel, retry_now


class MailboxOpeningForm(forms.ModelForm[Mailbox]):
    """Opens a box by the one verb that gives it its key, folders and rights."""

    class Meta:
        model = Mailbox
        fields = ("address", "kind", "name", "holder")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = self.fields["kind"]
        if isinstance(kinds, forms.ChoiceField):
            # Nobody can write to a patient's own box yet: it is not offered.
            offered = [kind for kind in MailboxKind if kind != MailboxKind.PATIENT]
            kinds.choices = [(kind.value, kind.label) for kind in offered]

    def clean_address(self) -> str:
        return normalise_address(self.cleaned_data["address"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == MailboxKind.PER and not cleaned.get("holder"):
            self.add_error("holder", _("A personal mailbox needs a holder."))
        address = str(cleaned.get("address", ""))
        if (fault := address_fault(address)) is not None:
            self.add_error("address", fault)
        return cleaned


class AccessInline(admin.TabularInline[MailboxAccess, Mailbox]):
    model = MailboxAccess
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Mailbox)
class MailboxAdmin(admin.ModelAdmin[Mailbox]):
    list_display = (
        "address",
        "name",
        "kind",
        "status",
        "holder",
        "unread",
        "used_bytes",
        "quota_bytes",
    )
    list_filter = ("kind", "status")
    search_fields = ("address", "name", "holder__last_name", "holder__national_id")
    list_select_related = ("holder",)
    autocomplete_fields = ("holder",)
    # Address and kind never change: a change is a new box (operator reference, life cycle of
    # mailboxes).
    readonly_fields = ("address", "kind", "holder", "unread", "used_bytes", "created_at")
    fields = (
        "address",
        "kind",
        "name",
        "holder",
        "status",
        "quota_bytes",
        "used_bytes",
        "unread",
        "created_at",
    )
    inlines = (AccessInline,)

    def get_form(self, request: HttpRequest, obj: Mailbox | None = None, **kwargs: Any) -> Any:  # type: ignore[override]
        if obj is None:
            kwargs["form"] = MailboxOpeningForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> Any:
        return MailboxOpeningForm.Meta.fields if obj is None else super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> Any:
        return () if obj is None else super().get_readonly_fields(request, obj)

    def get_inlines(self, request: HttpRequest, obj: Mailbox | None) -> Any:
        return () if obj is None else super().get_inlines(request, obj)

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        actor = _administrator(request)
        if change:
            if form.changed_data:
                change_mailbox(obj, form.changed_data, actor=actor)
            return
        opened = open_mailbox(
            obj.address,
            kind=MailboxKind(obj.kind),
            name=obj.name,
            holder=obj.holder,
            actor=actor,
        )
        obj.pk = opened.pk
        obj.refresh_from_db()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: ARG002
        """Rights are written by their own verbs, so that none is given without its trace."""
        actor = _administrator(request)
        for access in formset.save(commit=False):
            grant_access(access, actor=actor)
        for access in formset.deleted_objects:
            revoke_access(access, actor=actor)
        formset.save_m2m()

    def has_delete_permission(self, request: HttpRequest, obj: Mailbox | None = None) -> bool:  # noqa: ARG002
        return False


def _administrator(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "sender",
        "to",
        "state",
        "attempts",
        "next_attempt_at",
        "reason",
        "smtp_code",
        "is_uncertain",
    )
    list_filter = ("state", "is_uncertain", "domain")
    search_fields = (
        "=message__rfc_message_id",
        "recipient__address",
        "message__from_address",
        "domain",
    )
    list_select_related = ("message", "recipient")
    date_hierarchy = "created_at"
    exclude = ("lease_token",)
    actions = ("try_now", "do_not_send")

    @admin.action(description=_("Try now"), permissions=["view"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._tell(request, retry_now(queryset, actor=_administrator(request)))

    @admin.action(description=_("Do not send"), permissions=["view"])
    def do_not_send(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._tell(request, cancel(queryset, actor=_administrator(request)))

    def _tell(self, request: HttpRequest, done: Done) -> None:
        level = messages.SUCCESS if done.done else messages.WARNING
        words = _("Done for %(done)s; %(missed)s did not wait any more.")
        text = words % {"done": done.done, "missed": done.missed}
        self.message_user(request, text, level)

    @admin.display(description=_("from"))
    def sender(self, delivery: Delivery) -> str:
        return delivery.message.from_address

    @admin.display(description=_("to"))
    def to(self, delivery: Delivery) -> str:
        return delivery.recipient.address


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    list_display = (
        "received_at",
        "envelope_from",
        "peer_host",
        "state",
        "attempts",
        "problem",
        "size",
    )
    list_filter = ("state",)
    search_fields = ("envelope_from", "peer_dn")
    date_hierarchy = "received_at"
    exclude = ("wrapped_key", "lease_token", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMessage]:
        return super().get_queryset(request).defer("content")


@admin.register(PeerState)
class PeerStateAdmin(ReadOnlyAdmin):
    list_display = ("domain", "failures", "failing_since", "retry_at", "reason")
    search_fields = ("domain",)


@admin.register(LetterRun)
class LetterRunAdmin(ReadOnlyAdmin):
    list_display = ("id", "mailbox", "author", "created_at", "expected")
    list_select_related = ("mailbox", "author")
    exclude = ("sealed_label", "key")


@admin.register(AutomaticMessage)
class AutomaticMessageAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "state", "recipient", "message")
    list_filter = ("kind", "state")
    list_select_related = ("recipient", "message")
    date_hierarchy = "created_at"
