"""What the writing page posts. Everything typed is accepted and kept; what stands against sending
is said by ``submit``.
"""

from collections.abc import Sequence

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from webmail.mailbox.kinds import Mailbox
from webmail.outbound.drafts import DraftText
from webmail.web.times import size_text

_LONGEST_LINE = 10_000
_LONGEST_BODY = 1_000_000


class _ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class _ManyFilesField(forms.FileField):
    """Several files in one field; the view takes them from the request."""

    def clean(self, data: object, initial: object = None) -> object:  # noqa: ARG002
        return data


class ComposeForm(forms.Form):
    mailbox = forms.TypedChoiceField(coerce=int, required=False)
    to = forms.CharField(
        required=False,
        max_length=_LONGEST_LINE,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    cc = forms.CharField(
        required=False,
        max_length=_LONGEST_LINE,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    subject = forms.CharField(
        required=False,
        max_length=_LONGEST_LINE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    body = forms.CharField(
        required=False,
        max_length=_LONGEST_BODY,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14}),
    )
    attachments = _ManyFilesField(required=False, widget=_ManyFilesInput)

    def __init__(self, *args: object, boxes: Sequence[Mailbox], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["mailbox"]
        if isinstance(field, forms.TypedChoiceField):
            field.choices = [(box.pk, f"{box.name} <{box.address}>") for box in boxes]
        if len(boxes) == 1:
            field.widget = forms.HiddenInput()

    def draft_text(self, *, in_reply_to: int) -> DraftText:
        """What was typed, as far as it could be read; over-long lines are cut by nobody: the field
        then has its error.
        """
        values = {name: self._typed(name) for name in ("to", "cc", "subject", "body")}
        return DraftText(in_reply_to=in_reply_to, **values)

    @property
    def is_blank(self) -> bool:
        """Nothing was typed and no file was chosen."""
        text = self.draft_text(in_reply_to=0)
        typed = (text.to, text.cc, text.subject, text.body)
        return not self.files and not any(value.strip() for value in typed)

    def focus_on(self, name: str) -> None:
        """Where one begins to type when the page opens."""
        self.fields[name].widget.attrs["autofocus"] = True

    def _typed(self, name: str) -> str:
        value = self.data.get(name, "")
        return str(value).replace("\r\n", "\n").replace("\x00", "")


PROBLEM_SENTENCES = {
    "malformed_address": _("“%(piece)s” is not an address. Write it like name@domain."),
    "patient_address": _(
        "%(piece)s is a patient's address. Letters to patients cannot be sent from here yet: "
        "choose another way."
    ),
    "outside_trust_space": _(
        "%(piece)s is outside the trust space. The letter would leave without protection. Look "
        "for another address of this correspondent."
    ),
    "unknown_mailbox": _("%(piece)s does not exist here. Check the address."),
    "closed_mailbox": _(
        "The mailbox %(piece)s is closed. Ask your correspondent for another address."
    ),
    "no_recipient": _("Say who the letter is for."),
    "too_many_recipients": _("There are too many recipients: %(most)s at most in one letter."),
    "too_big": _("The letter is too big once encoded: %(limit)s at most. Remove a document."),
    "upload_too_big": _(
        "These documents are too big to be sent: %(limit)s at most. Your text is kept; choose "
        "fewer "
        "or smaller documents."
    ),
    "box_full": _(
        "This mailbox is full: these documents are not kept. Your text is. Ask the person who runs "
        "it for more room."
    ),
    "no_right_to_send": _(
        "You may prepare letters in this mailbox, not send them. Your draft is kept for those "
        "who may."
    ),
    "cannot_be_written": _(
        "This letter holds signs that cannot be sent. Remove what you pasted last."
    ),
}


def refusal_sentence(reason: str) -> str:
    """Why documents just chosen are not kept with the draft."""
    return problem_sentence("upload_too_big" if reason == "too_big" else reason)


def problem_sentence(reason: str, piece: str = "") -> str:
    """Why a letter cannot leave, with the limits in force and the piece of text that is meant."""
    return str(PROBLEM_SENTENCES[reason]) % {
        "piece": piece,
        "most": settings.RECIPIENTS_PER_MESSAGE,
        "limit": size_text(settings.MESSAGE_SIZE_LIMIT_OUT),
    }
