"""Small letters for the tests of this directory: bytes by hand, and the corpus beside it."""

from datetime import UTC, datetime
from pathlib import Path

from webmail.mime.types import Address, OutgoingAttachment, OutgoingMessage

CORPUS = Path(__file__).parent.parent / "corpus"
MARTIN = Address("Dr Élise Martin", "elise.martin@cabinet.example")
PETIT = Address("Dr Petit", "dr.petit@hopital.example")
WHEN = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


def corpus(name: str) -> bytes:
    return (CORPUS / f"{name}.eml").read_bytes()


def letter(body: str, *headers: str) -> bytes:
    lines = ["From: Dr Petit <dr.petit@hopital.example>", *headers, "", body]
    return "\r\n".join(lines).encode()


def multipart(*parts: str, subtype: str = "mixed") -> bytes:
    pieces = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return letter(f"{pieces}--b--\r\n", f"Content-Type: multipart/{subtype}; boundary=b")


def outgoing(
    text: str = "Bonjour",
    *,
    subject: str = "Résultat",
    attachments: tuple[OutgoingAttachment, ...] = (),
    extra_headers: tuple[tuple[str, str], ...] = (),
) -> OutgoingMessage:
    return OutgoingMessage(
        from_=MARTIN,
        to=(PETIT,),
        cc=(),
        subject=subject,
        text=text,
        date=WHEN,
        message_id="lettre1@cabinet.example",
        attachments=attachments,
        extra_headers=extra_headers,
    )
