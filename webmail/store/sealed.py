"""A mailbox's keys, and the columns sealed with them. Text goes in, bytes for a column come out,
and back.

It does not know who asks: whoever holds a row came through ``mailbox.access`` or is a worker.
"""

import json
from functools import lru_cache

from django.conf import settings

from accounts.keyring import keyed_hash, new_key, open_sealed, seal, unwrap_key, wrap_key
from webmail.mime.addresses import domain_of
from webmail.mime.types import Address
from webmail.models import Mailbox, Message

_MASK = "***"
_PROOF_CHARS = 32


def new_mailbox_key(address: str) -> bytes:
    """A fresh data key for the box at ``address``, wrapped: what ``Mailbox.wrapped_key`` holds."""
    return wrap_key(new_key(), _owner(address))


def mailbox_key(mailbox: Mailbox) -> bytes:
    """The box's data key. Raises ``KeyringError`` when the master key is not the one that wrapped
    it.
    """
    return _unwrap(bytes(mailbox.wrapped_key), mailbox.address)


@lru_cache(maxsize=2048)
def _unwrap(wrapped: bytes, address: str) -> bytes:
    return unwrap_key(wrapped, _owner(address))


def _owner(address: str) -> bytes:
    return b"mailbox:" + address.encode()


def seal_text(mailbox: Mailbox, column: str, text: str) -> bytes:
    """``text`` for the sealed column ``column``; empty text is an empty column."""
    return seal(mailbox_key(mailbox), text, column.encode()) if text else b""


def open_text(mailbox: Mailbox, column: str, sealed: bytes | memoryview) -> str:
    return open_sealed(mailbox_key(mailbox), bytes(sealed), column.encode()) if sealed else ""


def seal_person(mailbox: Mailbox, person: Address) -> bytes:
    return seal_text(mailbox, "person", json.dumps([person.name, person.address]))


def open_person(mailbox: Mailbox, sealed: bytes | memoryview) -> Address:
    text = open_text(mailbox, "person", sealed)
    if not text:
        return Address("", "")
    name, address = json.loads(text)
    return Address(name, address)


def plain_address(address: str) -> str:
    """What a plain column may hold of ``address``: a patient's is an identity, so only its domain
    is left.
    """
    domain = domain_of(address) if "@" in address else ""
    if domain in settings.PATIENT_DOMAINS:
        return f"{_MASK}@{domain}"
    return address


def envelope_id(message: Message) -> str:
    """What peers call a letter of ours in their reports (RFC 3461 §4.4): its number, and a proof
    that nobody without the box's key can make.
    """
    proof = keyed_hash(mailbox_key(message.mailbox), str(message.pk).encode(), b"envelope")
    return f"{message.pk}.{proof[:_PROOF_CHARS]}"


def content_hash(mailbox: Mailbox, digest: bytes) -> str:
    """The look-up value of a content whose SHA-256 is ``digest``; it tells nothing to whom has no
    key.
    """
    return keyed_hash(mailbox_key(mailbox), digest, b"content")
