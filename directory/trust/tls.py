"""The only file that builds an SSL context: mutual TLS with the other operators, in both roles.

It settles what the wire must be and which authorities may sign; who the peer is and what it may do
is settled after the handshake, from its certificate (``certificates``, ``whitelist``). It knows no
host, no domain and no mail.
"""

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Literal

from django.conf import settings

from directory.trust.anchors import AnchorsError, load_anchors
from directory.trust.files import FileStamp, stamp

Role = Literal["client", "server"]


class TlsError(Exception):
    """Our own certificate, key, anchors or cipher list cannot be used: nobody can be spoken to."""


def client_context() -> ssl.SSLContext:
    """For a conversation that we open. The server must present a certificate of the trust space.

    Raises ``TlsError``. The host name is not compared: the certificates of the trust space name the
    operator's servers and not the domains they serve, so the caller must compare the full DN with
    the white list (``is_trusted``) before it says anything. This also holds when a name server
    lies.
    """
    return _context("client")


def server_context() -> ssl.SSLContext:
    """For a conversation that a peer opens. Raises ``TlsError``.

    A peer without a certificate finishes the handshake, so that it can be told why it is refused:
    the caller must refuse it. A certificate of another authority, out of its dates, or that states
    purposes without clientAuth ends the handshake: OpenSSL judges these before we are asked.
    """
    return _context("server")


def _context(role: Role) -> ssl.SSLContext:
    try:
        anchors = load_anchors("organisations")
        own = stamp(Path(settings.TRUST_CERTIFICATE)), stamp(Path(settings.TRUST_PRIVATE_KEY))
        return _build(role, anchors.pem, own, settings.TRUST_CIPHERS)
    except (AnchorsError, OSError) as error:
        # ssl.SSLError is an OSError.
        raise TlsError("Our side of TLS cannot be set up.") from error


@lru_cache(maxsize=8)
def _build(
    role: Role, anchors_pem: str, own: tuple[FileStamp, FileStamp], ciphers: str
) -> ssl.SSLContext:
    """Not ``create_default_context``: it brings the system's anchors, and a key log where the
    environment asks for one.
    """
    is_client = role == "client"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if is_client else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    if is_client:
        context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if is_client else ssl.CERT_OPTIONAL
    # The chain ends at a root of ours and not at any authority that we happen to know.
    context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=anchors_pem)
    # An empty pass phrase: a protected key is an error at once, instead of a question on a terminal
    # nobody watches.
    context.load_cert_chain(own[0].path, own[1].path, password="")
    # A resumed session would keep the verdict of an earlier day: each conversation proves itself
    # anew.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if not is_client:
        context.num_tickets = 0
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    return context
