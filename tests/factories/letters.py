"""Letters as bytes, and letters deposited in a box by the product's own verb."""

from datetime import UTC, datetime
from email.message import EmailMessage

from django.utils import timezone

from webmail.inbound.deposit import Arrival, deposit_message
from webmail.mime.parse import parse_message

PETIT = "hugo.petit@cabinet-tilleuls.mssante.example"
MARTIN = "camille.martin@ch-valbrune.mssante.example"


def make_letter(
    *,
    sender=PETIT,
    to=MARTIN,
    subject="Avis cardiologique",
    text="Bonjour, merci de votre avis.",
    message_id="lettre-1@cabinet-tilleuls.mssante.example",
    html="",
    files=(),
    **headers,
):
    """Bytes of a letter, written by the standard library: not by our own composer."""
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = to
    letter["Subject"] = subject
    letter["Date"] = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    letter["Message-ID"] = f"<{message_id}>"
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter.set_content(text)
    if html:
        letter.add_alternative(html, subtype="html")
    for name, kind, content in files:
        maintype, _, subtype = kind.partition("/")
        letter.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return letter.as_bytes(policy=letter.policy.clone(linesep="\r\n"))


def receive(mailbox, raw=None, *, envelope_from=PETIT, at=None):
    """Deposit ``raw`` as if a peer had sent it."""
    raw = raw if raw is not None else make_letter(to=mailbox.address)
    return deposit_message(
        mailbox,
        Arrival(
            raw=raw,
            parsed=parse_message(raw),
            received_at=at or timezone.now(),
            envelope_from=envelope_from,
            peer_host="127.0.0.1",
            peer_name="mss.cabinet-tilleuls.example",
            tls_version="TLSv1.3",
            is_local=False,
            spool_id=1,
        ),
    )
