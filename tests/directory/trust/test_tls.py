"""What the wire must be: two operators meet, and everybody else is turned away."""

import ssl

import pytest

from directory.trust.certificates import identify_peer
from directory.trust.tls import TlsError, client_context, server_context
from mssante.demo.operators import HOSPITAL, PRACTICE
from mssante.demo.pki import issue_operator, write_file
from tests.pki import builder
from tests.pki.fixtures import use_space
from tests.pki.handshake import peer_context, shake_hands, write_identity


def test_two_operators_see_each_other(settings, toy_space):
    use_space(settings, toy_space, operator_key=PRACTICE.key)
    other_server = server_context()
    use_space(settings, toy_space, operator_key=HOSPITAL.key)
    client, server = shake_hands(client_context(), other_server)
    assert client.version() == "TLSv1.3"
    assert f"CN={PRACTICE.host}," in identify_peer(client.getpeercert(binary_form=True)).dn
    assert f"CN={HOSPITAL.host}," in identify_peer(server.getpeercert(binary_form=True)).dn


@pytest.mark.parametrize("role", ["client", "server"])
def test_tls_1_2_is_spoken_with_a_suite_of_the_list(in_toy_space, tmp_path, role, settings):
    identity = write_identity(tmp_path, builder.peer(in_toy_space), in_toy_space.authority())
    peer = peer_context(role, maximum=ssl.TLSVersion.TLSv1_2, **identity)
    ends = (peer, server_context()) if role == "client" else (client_context(), peer)
    client, _ = shake_hands(*ends)
    assert client.version() == "TLSv1.2"
    assert client.cipher()[0] in settings.TRUST_CIPHERS.split(":")
    assert client.compression() is None


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_older_tls_is_refused(in_toy_space, tmp_path, role):
    identity = write_identity(tmp_path, builder.peer(in_toy_space), in_toy_space.authority())
    peer = peer_context(role, maximum=ssl.TLSVersion.TLSv1_1, **identity)
    ends = (peer, server_context()) if role == "client" else (client_context(), peer)
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol|version"):
        shake_hands(*ends)


def test_client_without_a_certificate_is_heard_so_that_it_can_be_told(in_toy_space):
    _, server = shake_hands(peer_context("client"), server_context())
    assert server.getpeercert(binary_form=True) is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_certificate_of_another_tree_ends_the_handshake(
    in_toy_space, foreign_space, tmp_path, role
):
    identity = write_identity(tmp_path, builder.peer(foreign_space), foreign_space.authority())
    peer = peer_context(role, **identity)
    ends = (peer, server_context()) if role == "client" else (client_context(), peer)
    with pytest.raises(ssl.SSLError):
        shake_hands(*ends)


def test_chain_brought_along_by_the_peer_is_no_anchor(in_toy_space, tmp_path):
    root = builder.authority("AC RACINE PRIVEE")
    issuer = builder.authority("AC PRIVEE", issuer=root)
    peer = builder.peer(in_toy_space, issuer=issuer)
    context = peer_context("server", **write_identity(tmp_path, peer, issuer, root))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client_context(), context)


def test_leaf_without_its_chain_is_understood(in_toy_space, tmp_path):
    peer = builder.peer(in_toy_space)
    context = peer_context("server", **write_identity(tmp_path, peer))
    client, _ = shake_hands(client_context(), context)
    assert identify_peer(client.getpeercert(binary_form=True)).serial == peer.serial


def test_contexts_demand_what_the_trust_space_demands(in_toy_space):
    client, server = client_context(), server_context()
    assert client.verify_mode is ssl.CERT_REQUIRED
    assert server.verify_mode is ssl.CERT_OPTIONAL
    assert client.check_hostname is False
    assert server.num_tickets == 0
    for context in (client, server):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_TICKET
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert not context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
        assert not context.keylog_filename
        assert len(context.get_ca_certs()) == 2


def test_environment_brings_no_key_log(own_space, monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    write_file(own_space.root / "operators" / HOSPITAL.key / "note", b"")
    assert client_context().keylog_filename is None
    assert not (tmp_path / "keys").exists()


def test_context_is_kept_until_our_certificate_changes(own_space):
    first = client_context()
    assert client_context() is first
    folder = own_space.root / "operators" / HOSPITAL.key
    (folder / "cert.pem").unlink()
    issue_operator(
        own_space,
        key=HOSPITAL.key,
        common_name=HOSPITAL.host,
        organisation=HOSPITAL.organisation,
        structure_id=HOSPITAL.structure_id,
        department=HOSPITAL.department,
    )
    assert client_context() is not first


def test_context_follows_the_anchors(own_space):
    first = server_context()
    issuer = builder.authority(issuer=own_space.authority("organisations", "root"))
    write_file(own_space.anchors / "organisations" / "second.pem", issuer.pem)
    assert server_context() is not first
    assert len(server_context().get_ca_certs()) == 3


def test_missing_certificate_key_or_anchors_is_an_error(own_space, settings):
    for name in ("TRUST_CERTIFICATE", "TRUST_PRIVATE_KEY", "TRUST_ANCHORS_DIR"):
        before = getattr(settings, name)
        setattr(settings, name, own_space.root / "nowhere")
        with pytest.raises(TlsError):
            client_context()
        setattr(settings, name, before)
    client_context()


def test_key_of_another_certificate_is_an_error(own_space, settings):
    settings.TRUST_PRIVATE_KEY = own_space.root / "operators" / PRACTICE.key / "key.pem"
    with pytest.raises(TlsError):
        server_context()


def test_key_with_a_pass_phrase_is_an_error_and_no_question(own_space, settings, tmp_path):
    settings.TRUST_PRIVATE_KEY = tmp_path / "protected.pem"
    settings.TRUST_PRIVATE_KEY.write_bytes(builder.protected_key())
    with pytest.raises(TlsError):
        server_context()


def test_unknown_cipher_is_an_error(in_toy_space, settings):
    settings.TRUST_CIPHERS = "NO-SUCH-SUITE"
    with pytest.raises(TlsError):
        client_context()
