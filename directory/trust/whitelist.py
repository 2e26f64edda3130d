"""The white list in force: verified files become snapshots, and the questions "is this domain, this
peer trusted?" are answered.

One snapshot is active; it gives way only to a newer verified one, in one transaction. This file
knows domains and identities; it knows no message and opens no connection.
"""

import hashlib
import logging
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, router, transaction
from django.utils import timezone

from directory.models import TrustedDomain, WhitelistSnapshot
from directory.trust.certificates import PeerIdentity, dn_hash
from directory.trust.signed_list import (
    MAX_BYTES,
    Entry,
    Whitelist,
    WhitelistError,
    WhitelistFault,
    read_whitelist,
)

__all__ = [
    "Entry",
    "Whitelist",
    "WhitelistError",
    "WhitelistFault",
    "WhitelistStale",
    "active_version",
    "check_fresh",
    "is_listed",
    "is_listed_domain",
    "is_trusted",
    "is_trusted_name",
    "load_whitelist",
    "read_whitelist",
    "refresh_whitelist",
]

logger = logging.getLogger(__name__)

KEPT_SNAPSHOTS = 30
BATCH = 1000


class WhitelistStale(WhitelistError):  # noqa: N818  (A state of the list, told in its word.)
    """There is no list, or the source has not confirmed it for too long: mail is held back, nothing
    is opened.
    """


def refresh_whitelist() -> WhitelistSnapshot:
    """Read the source named in the settings and load it; raises ``WhitelistError`` and leaves the
    active list as it is.
    """
    return load_whitelist(read_source(Path(settings.WHITELIST_SOURCE)))


def read_source(path: Path) -> bytes:
    """The bytes of a list, of which no more than the limit is ever held; raises ``WhitelistError``
    (``unreadable``).
    """
    try:
        with path.open("rb") as source:
            return source.read(MAX_BYTES + 1)
    except OSError as error:
        raise WhitelistError(WhitelistFault.UNREADABLE) from error


def load_whitelist(data: bytes, *, now: datetime | None = None) -> WhitelistSnapshot:
    """Make a published list the active one, or note that the active one was confirmed.

    Guaranteed: verified as ``read_whitelist`` says, not older than the active list, and swapped in
    one transaction: readers see the old list or the new one, whole. Raises ``WhitelistError`` and
    changes nothing otherwise.
    """
    moment = now or timezone.now()
    whitelist = read_whitelist(data, now=moment)
    digest = hashlib.sha256(data).hexdigest()
    try:
        with transaction.atomic(using=router.db_for_write(WhitelistSnapshot)):
            active = WhitelistSnapshot.objects.select_for_update().filter(is_active=True).first()
            if active is not None and active.digest == digest:
                active.checked_at = moment
                active.save(update_fields=["checked_at"])
                return active
            if active is not None and whitelist.generated_at < active.generated_at:
                raise WhitelistError(WhitelistFault.ROLLBACK)
            snapshot = _swap(active, whitelist, digest=digest, now=moment)
    except IntegrityError as error:
        # Another process loaded a list between our look and our insert; the constraint let one of
        # us win.
        raise WhitelistError(WhitelistFault.CONCURRENT) from error
    logger.info(
        "event=whitelist_loaded version=%d entries=%d domains=%d",
        snapshot.version,
        snapshot.entry_count,
        snapshot.domain_count,
    )
    if active is not None and active.signer != snapshot.signer:
        logger.warning("event=whitelist_signer_changed version=%d", snapshot.version)
    return snapshot


def check_fresh(now: datetime | None = None) -> WhitelistSnapshot:
    """The active list, confirmed by its source recently enough; raises ``WhitelistStale``
    otherwise.
    """
    moment = now or timezone.now()
    active = WhitelistSnapshot.objects.filter(is_active=True).first()
    if active is None:
        raise WhitelistStale(WhitelistFault.MISSING)
    if moment - active.checked_at > timedelta(hours=settings.WHITELIST_MAX_AGE_HOURS):
        raise WhitelistStale(WhitelistFault.STALE)
    return active


def is_listed_domain(domain: str) -> bool:
    """Whether the trust space knows the domain at all."""
    return TrustedDomain.objects.filter(snapshot__is_active=True, domain=domain.lower()).exists()


def is_listed(identity: PeerIdentity) -> bool:
    """Whether the peer may speak for any domain (a null sender names none)."""
    return TrustedDomain.objects.filter(snapshot__is_active=True, dn_hash=identity.dn_hash).exists()


def is_trusted(domain: str, identity: PeerIdentity) -> bool:
    """Whether the peer's full certificate name is one of those published for the domain."""
    return TrustedDomain.objects.filter(
        snapshot__is_active=True, domain=domain.lower(), dn_hash=identity.dn_hash
    ).exists()


def is_trusted_name(domain: str, dn: str) -> bool:
    """The same question for a certificate name noted earlier, when its holder was identified.

    Raises ``DnError`` for a text that is no name.
    """
    return TrustedDomain.objects.filter(
        snapshot__is_active=True, domain=domain.lower(), dn_hash=dn_hash(dn)
    ).exists()


def active_version() -> int | None:
    return WhitelistSnapshot.objects.filter(is_active=True).values_list("pk", flat=True).first()


def _swap(
    active: WhitelistSnapshot | None, whitelist: Whitelist, *, digest: str, now: datetime
) -> WhitelistSnapshot:
    if active is not None:
        active.is_active = False
        active.save(update_fields=["is_active"])
    snapshot = WhitelistSnapshot.objects.create(
        generated_at=whitelist.generated_at,
        loaded_at=now,
        checked_at=now,
        signer=whitelist.signer,
        digest=digest,
        entry_count=len(whitelist.entries),
        domain_count=len({entry.domain for entry in whitelist.entries}),
        is_active=True,
    )
    TrustedDomain.objects.bulk_create(
        (
            TrustedDomain(
                snapshot=snapshot,
                domain=entry.domain,
                dn=entry.dn,
                dn_hash=entry.dn_hash,
                description=entry.description,
            )
            for entry in whitelist.entries
        ),
        batch_size=BATCH,
    )
    kept = WhitelistSnapshot.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT_SNAPSHOTS]
    WhitelistSnapshot.objects.exclude(pk__in=list(kept)).delete()
    return snapshot
