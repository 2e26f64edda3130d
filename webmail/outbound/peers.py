"""The line to one peer: opened when first needed, trusted before it is used, kept for all letters
of a run.

It puts together a route, a TLS context, a certificate and the white list; it knows no letter and no
row.
"""

import logging
import time
from functools import partial
from typing import TypedDict

from django.conf import settings

from directory.trust.certificates import CertificateError, identify_peer
from directory.trust.tls import client_context
from directory.trust.whitelist import is_trusted
from webmail.outbound.replies import TransportError
from webmail.outbound.routing import (
    Host,
    NoRouteError,
    check_list_is_fresh,
    find_hosts,
    is_configured,
    is_public,
)
from webmail.outbound.smtp import Conversation, connect

logger = logging.getLogger(__name__)

_PROOF_SECONDS = 10


class PeerFacts(TypedDict):
    peer_host: str
    peer_dn: str
    tls_version: str
    whitelist_version: int | None


class PeerLine:
    """Use ``conversation()`` for each letter; it opens a line when there is none, and only to a
    peer the list vouches for.
    """

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self._open: Conversation | None = None
        self._given_up: TransportError | None = None
        self._facts = PeerFacts(peer_host="", peer_dn="", tls_version="", whitelist_version=None)
        self._proved_at = 0.0
        self.idle_since = 0.0

    def facts(self) -> PeerFacts:
        """What is known of the peer so far, for the outcome."""
        return self._facts

    def conversation(self) -> Conversation:
        """Raises ``TransportError`` when no host of the domain can be reached and trusted.

        A peer that failed so is not asked again in this run: what waits for it waits on, and its
        silence costs one time-out, not one for each letter.
        """
        if self._given_up is not None:
            raise TransportError(self._given_up.reason, permanent=self._given_up.permanent)
        try:
            if self._open is not None and not self._open.is_open:
                self.close()
            if self._open is None:
                self._open = self._connect()
                self._proved_at = time.monotonic()
            elif time.monotonic() - self._proved_at > _PROOF_SECONDS:
                self._prove_again(self._open)
        except TransportError as error:
            self.give_up(error)
            raise
        return self._open

    def give_up(self, error: TransportError) -> None:
        """No further word with this peer in this run."""
        self.close()
        self._given_up = error

    @property
    def given_up(self) -> TransportError | None:
        return self._given_up

    @property
    def is_open(self) -> bool:
        return self._open is not None and self._open.is_open

    def close(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._open = None

    def _prove_again(self, conversation: Conversation) -> None:
        """A line is kept for long; a certificate or a listing may be withdrawn meanwhile."""
        try:
            self._facts["whitelist_version"] = check_list_is_fresh()
        except NoRouteError as error:
            raise TransportError(error.reason, permanent=error.permanent) from None
        self._check_trust(conversation)
        self._proved_at = time.monotonic()

    def _connect(self) -> Conversation:
        try:
            version = check_list_is_fresh()
            hosts = find_hosts(self.domain)
        except NoRouteError as error:
            raise TransportError(error.reason, permanent=error.permanent) from None
        last = TransportError("unreachable")
        for host in hosts:
            # What was learnt of one host is not said of the next.
            self._facts = PeerFacts(
                peer_host=f"{host.name}:{host.port}",
                peer_dn="",
                tls_version="",
                whitelist_version=version,
            )
            try:
                conversation = connect(
                    host.name,
                    host.port,
                    context=client_context(),
                    ehlo_name=settings.SMTP_EHLO_NAME,
                    connect_timeout=settings.SMTP_CONNECT_SECONDS,
                    timeout=settings.SMTP_TIMEOUT_SECONDS,
                    allow_address=partial(_may_connect, host),
                )
            except TransportError as error:
                logger.info("event=connect_failed domain=%s reason=%s", self.domain, error.reason)
                last = error
                continue
            try:
                self._check_trust(conversation)
            except TransportError as error:
                # QUIT before MAIL FROM: an untrusted peer learns nothing of the letter, not even
                # its envelope.
                conversation.__exit__(None, None, None)
                last = error
                continue
            return conversation
        raise last

    def _check_trust(self, conversation: Conversation) -> None:
        """Chain, dates, usage, revocation, then the full name against the list for this very
        domain.
        """
        self._facts["tls_version"] = conversation.tls_version
        try:
            identity = identify_peer(conversation.certificate)
        except CertificateError as error:
            logger.warning("event=untrusted_peer domain=%s problem=%s", self.domain, error.problem)
            reason = "certificate_status_unknown" if error.transient else "untrusted_peer"
            raise TransportError(reason) from None
        self._facts["peer_dn"] = identity.dn
        if not is_trusted(self.domain, identity):
            logger.warning("event=untrusted_peer domain=%s problem=not_listed", self.domain)
            raise TransportError("untrusted_peer")


def _may_connect(host: Host, address: str) -> bool:
    return is_configured(host) or is_public(address)
