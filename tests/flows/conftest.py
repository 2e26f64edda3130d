"""The stage of whole stories: our listener, a peer, and a client that comes with a certificate."""

import contextlib
import smtplib
import ssl

import pytest

from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import PRACTICE
from tests.peers.servers import MANNERS, ScriptedPeer, running_listener
from tests.peers.wire import Wire


@pytest.fixture
def trust_space(in_toy_space, transactional_db):
    """The toy trust space, its white list loaded."""
    refresh_whitelist()
    return in_toy_space


@pytest.fixture
def listener(trust_space):
    with running_listener() as port:
        yield port


def peer_context(space, key, *, server):
    """The TLS of an operator of the toy space, as its own software would set it up."""
    purpose = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(purpose)
    context.check_hostname = False
    for anchor in (space.anchors / "organisations").glob("*.pem"):
        context.load_verify_locations(anchor)
    folder = space.root / "operators" / key
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def context(trust_space):
    """The practice's TLS, for a peer that writes bytes."""
    return peer_context(trust_space, PRACTICE.key, server=False)


@pytest.fixture
def wire(listener, context):
    with Wire(listener) as connection:
        yield connection.introduce(context)


@pytest.fixture
def practice(trust_space, listener):
    """A client with the practice's certificate, through STARTTLS already."""
    context = peer_context(trust_space, PRACTICE.key, server=False)
    client = smtplib.SMTP(
        "127.0.0.1", listener, local_hostname="mss.cabinet-tilleuls.example", timeout=10
    )
    client.starttls(context=context)
    client.ehlo()
    yield client
    with contextlib.suppress(OSError, smtplib.SMTPException):
        client.quit()
    client.close()


@pytest.fixture(params=["data", "both"])
def manner(request):
    """How peers take a letter: each story is told for both. A peer with something to say to DATA
    offers no other way.
    """
    return request.param


@pytest.fixture
def make_peer(trust_space, settings, manner):
    """Start scripted peers; the practice's domain is routed to the last one."""
    peers = []

    def start(*, key=PRACTICE.key, domain=PRACTICE.domain, context=None, **script):
        fitting = (
            "pipelined" if manner == "both" and "DATA" in script.get("replies", {}) else manner
        )
        script.setdefault("offers", MANNERS[fitting])
        peer = ScriptedPeer(context or peer_context(trust_space, key, server=True), **script)
        settings.MAIL_ROUTES = {**settings.MAIL_ROUTES, domain: ("127.0.0.1", peer.port)}
        peers.append(peer)
        return peer

    yield start
    for peer in peers:
        peer.close()
