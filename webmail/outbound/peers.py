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
from directory.trust.tls import TlsError, client_context
from directory.trust.whitelist import is_trusted
from webmail.outbound.closing import closing
from webmail.outbound.replies import OUR_OWN, TransportError
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
_MOST_BROKEN = 3


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
        self._broken_in_a_row = 0
        self.idle_since = 0.0
        self.is_answering = False  # Whether the peer has answered for a letter in this run.

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

    def note_answer(self) -> None:
        """The peer answered for a letter, whatever it said."""
        self.is_answering = True
        self._broken_in_a_row = 0

    def note_break(self, error: TransportError) -> None:
        """A conversation broke. A peer that is silent is given up at once; one that breaks off,
        when it does nothing else: each new line costs both sides a handshake.
        """
        self._broken_in_a_row += 1
        if error.reason == "timeout" or self._broken_in_a_row >= _MOST_BROKEN:
            self.give_up(error)

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

    def close(self, *, waits: bool = True) -> None:
        if self._open is not None:
            self._open.leave(waits=waits)
            self._open = None

    def cut(self) -> None:
        """From another thread: end what waits for the peer now."""
        conversation = self._open
        if conversation is not None:
            conversation.cut()

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
            context = client_context()
        except NoRouteError as error:
            raise TransportError(error.reason, permanent=error.permanent) from None
        except TlsError as error:
            logger.error("event=own_tls_failed error=%s", type(error.__cause__).__name__)  # noqa: TRY400
            raise TransportError(OUR_OWN) from None
        last = TransportError("unreachable")
        tired = time.monotonic() + settings.SMTP_TIMEOUT_SECONDS
        for host in hosts:
            if closing.is_set() or time.monotonic() > tired:
                break
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
                    context=context,
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
                conversation.leave()
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
