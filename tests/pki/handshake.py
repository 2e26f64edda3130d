"""TLS conversations in memory: two contexts, no socket. Peers of every kind are built here, good
manners or not.
"""

import ssl

ROUNDS = 20


def shake_hands(client_context, server_context):
    """Both ends after a handshake; raises what the first end to refuse raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="mss.peer.example")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    open_ends = {client, server}
    for _ in range(ROUNDS):
        for end in (client, server):
            if end in open_ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                open_ends.discard(end)
        if not open_ends:
            # TLS 1.3: the client is done before the server has judged its certificate.
            _exchange(client, server)
            return client, server
    raise AssertionError("The handshake does not end.")


def peer_context(role, *, certificate=None, key=None, maximum=None):
    """A peer that checks nothing, as a test of what we check."""
    protocol = ssl.PROTOCOL_TLS_CLIENT if role == "client" else ssl.PROTOCOL_TLS_SERVER
    context = ssl.SSLContext(protocol)
    if role == "client":
        context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    if maximum is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.maximum_version = maximum
    return context


def write_identity(folder, issued, *chain):
    """A certificate with its chain and its key as files."""
    certificate, key = folder / "peer.pem", folder / "peer.key"
    certificate.write_bytes(b"".join(each.pem for each in (issued, *chain)))
    key.write_bytes(issued.key_pem)
    return {"certificate": certificate, "key": key}


def _exchange(client, server):
    for sender, receiver in ((server, client), (client, server)):
        sender.write(b"x")
        assert receiver.read(1) == b"x"
