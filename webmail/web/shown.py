"""The values a page may show: strings already worded, formatted and linked, so that templates hold
no logic and no query.

Rows and messages come in from ``webmail.mailbox``; frozen values go out to templates. Nothing here
opens a blob, asks for a permission or knows a table.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Truth:
    """What became of a letter: one track symbol, one tone, one sentence (interface: the truth
    line).
    """

    # The state's slug: queued, in_flight, deferred, accepted, delivered, read, failed, cancelled, …
    state: str
    tone: str  # way, done, silent, failed or off.
    track: str  # Name of the sprite's symbol: track-queued, track-accepted, track-failed, …
    sentence: str


@dataclass(frozen=True, slots=True)
class Step:
    """One station of a letter's way to one recipient."""

    label: str
    time: str
    mark: str  # on (proved), ring (said by the peer only), ko (refused), off (nothing known).


@dataclass(frozen=True, slots=True)
class FolderLink:
    name: str
    icon: str
    url: str
    count: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class BoxLink:
    name: str
    kind_label: str
    icon: str
    url: str
    unread: int
    is_current: bool
    folders: tuple[FolderLink, ...]  # Filled for the box in view only.


@dataclass(frozen=True, slots=True)
class Shell:
    """What surrounds every page of a professional: boxes, folders, who is logged in."""

    boxes: tuple[BoxLink, ...]
    box_name: str
    compose_url: str
    inbox_url: str
    sent_url: str
    person_name: str
    person_initials: str
    person_line: str
    admin_url: str  # Empty for those who may not enter it.
    current: str  # inbox, sent, drafts, compose…: which entry of the dock is marked.
    unread: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: a conversation in the inbox, a letter among those sent, a draft."""

    url: str
    who: str
    subject: str
    snippet: str
    when: str
    when_iso: str
    day: str  # Heading of the day the row stands under; empty when the same as the row before.
    is_unread: bool
    is_open: bool
    messages: int
    attachments: int
    truth: Truth | None = None


@dataclass(frozen=True, slots=True)
class Plate:
    """A correspondent: name first, then what is known, the address last."""

    name: str
    line: str
    initials: str
    # Whether the domain is on the white list in force; None: not asked, it is ourselves.
    is_trusted: bool | None


@dataclass(frozen=True, slots=True)
class File:
    name: str
    size: str
    kind: str  # In words: PDF, image, texte…
    url: str
    remove_value: str = (
        ""  # In the composer: the value of the button that takes the file out of the draft.
    )


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    plate: Plate
    kind: str  # "", "Cc", "Cci".
    truth: Truth
    steps: tuple[Step, ...]
    cure: str  # What to do, and who must do it; empty when nothing is wrong.


@dataclass(frozen=True, slots=True)
class MessageShown:
    anchor: str
    plate: Plate
    is_sent: bool
    is_expanded: bool
    when: str
    when_iso: str
    recipients: str  # "À Dr Petit, Mme Roy; copie à …"
    snippet: str
    # Plain text, which the template shows as paragraphs; empty when the frame shows the HTML part.
    text: str
    frame_url: str  # The sanitised HTML part under its own policy; empty when there is none.
    notice: str  # One sentence: blocked images, a part that could not be read, …
    files: tuple[File, ...]
    deliveries: tuple[DeliveryShown, ...]
    source_url: str


@dataclass(frozen=True, slots=True)
class ThreadShown:
    subject: str
    messages: tuple[MessageShown, ...]
    reply_url: str  # Empty when there is nobody to answer.
    reply_all_url: str
    reply_to_name: str
    live_url: str  # Empty when no delivery can change any more.
