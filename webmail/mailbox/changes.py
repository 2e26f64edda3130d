"""The counters of a box: its change number, its unread count, the bytes it holds. One conditional
update each, no page.
"""

from django.db.models import F
from django.db.models.functions import Greatest

from webmail.models import Mailbox


def note_change(mailbox_id: int, *, unread: int = 0, used_bytes: int = 0) -> None:
    """Count one change of the box; open pages see it by the new ``modseq``."""
    Mailbox.objects.filter(pk=mailbox_id).update(
        modseq=F("modseq") + 1,
        unread=Greatest(F("unread") + unread, 0),
        used_bytes=Greatest(F("used_bytes") + used_bytes, 0),
    )
