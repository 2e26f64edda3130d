"""The published list is read only as it was signed; every known way of bending a signature is
refused.
"""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.verifier import VerifyResult, XMLVerifier

from directory.trust.certificates import dn_hash
from directory.trust.signed_list import WhitelistError, WhitelistFault, read_whitelist
from mssante.demo.pki import SIGNER_CN, revoke, sign_whitelist
from tests.pki import builder, lists

DN = "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR"
ENTRIES = [("ch-a.mssante.example", DN, "Centre hospitalier A")]
EVIL = [("ch-a.mssante.example", "CN=evil.example,O=EVIL,C=FR", "Centre hospitalier A")]


@pytest.fixture
def signed(in_toy_space):
    return sign_whitelist(in_toy_space, ENTRIES, datetime.now(UTC))


def fault(data, *, now=None):
    with pytest.raises(WhitelistError) as caught:
        read_whitelist(data, now=now)
    return caught.value.reason


def test_published_list_is_read(in_toy_space):
    moment = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
    whitelist = read_whitelist(sign_whitelist(in_toy_space, ENTRIES, moment))
    assert whitelist.generated_at == moment
    assert whitelist.signer.startswith(f"CN={SIGNER_CN},")
    (entry,) = whitelist.entries
    assert (entry.domain, entry.dn, entry.description) == ENTRIES[0]
    assert entry.dn_hash == dn_hash(DN)


def test_list_has_the_published_shape(signed):
    root = lists.tree(signed)
    assert [lists.local_name(child) for child in root] == [
        "DateDeGeneration",
        "ListeDomaines",
        "Signature",
    ]
    assert [lists.local_name(child) for child in root[1][0]] == [
        "Nom",
        "Description",
        "DNCertificatOperateur",
        "ResponsableContact",
        "SupportContact",
        "DateMAJ",
    ]
    assert b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">' in signed
    assert signed.count(b"<X509Certificate>") == 1


def test_carriage_returns_in_the_base64_text_do_no_harm(signed):
    start, end = signed.index(b"<SignatureValue>") + 60, signed.index(b"<X509Certificate>") + 60
    bent = signed[:start] + b"&#13;\n" + signed[start:end] + b"&#13;\n" + signed[end:]
    assert len(read_whitelist(bent).entries) == 1


def test_several_names_of_a_domain_and_several_domains_of_a_name_are_kept(in_toy_space):
    entries = [
        ("a.mssante.example", "CN=1,O=A", ""),
        ("a.mssante.example", "CN=2,O=B", ""),
        ("b.mssante.example", "CN=1,O=A", ""),
    ]
    whitelist = read_whitelist(sign_whitelist(in_toy_space, entries, datetime.now(UTC)))
    assert [(e.domain, e.dn, e.description) for e in whitelist.entries] == entries


def test_same_entry_twice_is_kept_once(in_toy_space):
    entries = [
        ("A.mssante.example", 'CN=x,O="CH A",ST=Paris(75)', "first"),
        ("a.mssante.example ", "CN=x , O=CH\u00a0A, ST=Paris (75)", "second"),
    ]
    whitelist = read_whitelist(sign_whitelist(in_toy_space, entries, datetime.now(UTC)))
    (entry,) = whitelist.entries
    assert (entry.domain, entry.description) == ("a.mssante.example", "first")


def test_entities_and_newlines_of_descriptions_are_kept(in_toy_space):
    entries = [("a.mssante.example", "CN=x,O=A & B <C>", "line & one\nline two")]
    (entry,) = read_whitelist(sign_whitelist(in_toy_space, entries, datetime.now(UTC))).entries
    assert entry.dn == "CN=x,O=A & B <C>"
    assert entry.description == "line & one\nline two"


@pytest.mark.parametrize(
    "bad",
    [
        ("no domain", DN, ""),
        ("mssante", DN, ""),
        ("a..example", DN, ""),
        ("-a.example", DN, ""),
        ("a.exämple", DN, ""),
        ("a." * 130 + "example", DN, ""),
        ("", DN, ""),
        ("b.mssante.example", "no name", ""),
        ("b.mssante.example", "", ""),
    ],
)
def test_entry_that_cannot_be_read_is_left_out_and_counted(in_toy_space, bad, caplog):
    data = sign_whitelist(in_toy_space, [bad, *ENTRIES], datetime.now(UTC))
    with caplog.at_level(logging.WARNING):
        assert len(read_whitelist(data).entries) == 1
    assert "event=whitelist_entries_left_out count=1" in caplog.text


@pytest.mark.parametrize("child", ["Nom", "DNCertificatOperateur"])
def test_entry_with_a_child_twice_or_never_is_left_out(in_toy_space, child):
    document = lists.unsigned([*ENTRIES, ("b.mssante.example", "CN=b", "")])
    end = document.rindex(f"</{child}>".encode()) + len(f"</{child}>")
    start = document.rindex(f"<{child}>".encode())
    twice = document[:end] + document[start:end] + document[end:]
    never = document[:start] + document[end:]
    for bent in (twice, never):
        data = lists.signed_text(in_toy_space.signer(), bent)
        assert len(read_whitelist(data).entries) == 1


def test_entry_without_a_description_is_read(in_toy_space):
    document = lists.unsigned(ENTRIES).replace(
        b"<Description>Centre hospitalier A</Description>", b""
    )
    (entry,) = read_whitelist(lists.signed_text(in_toy_space.signer(), document)).entries
    assert entry.description == ""


def test_changed_entry_is_refused(signed):
    assert fault(signed.replace(b"ch-a.mssante", b"ch-b.mssante")) is WhitelistFault.SIGNATURE
    assert fault(signed.replace(b"O=CENTRE", b"O=CENTER")) is WhitelistFault.SIGNATURE


def test_changed_date_is_refused(in_toy_space):
    data = sign_whitelist(in_toy_space, ENTRIES, datetime(2026, 1, 1, tzinfo=UTC))
    assert fault(data.replace(b"2026-01-01T", b"2026-02-01T", 1)) is WhitelistFault.SIGNATURE


def test_added_and_removed_entries_are_refused(signed):
    start, end = signed.index(b"<Domaine>"), signed.index(b"</ListeDomaines>")
    added = signed[:end] + signed[start:end] + signed[end:]
    removed = signed[:start] + signed[end:]
    assert fault(added) is WhitelistFault.SIGNATURE
    assert fault(removed) is WhitelistFault.SIGNATURE


def test_comment_cannot_cut_a_value(signed):
    """Canonicalisation drops comments, so the signature holds; the value must be read whole."""
    bent = signed.replace(b"ch-a.mssante.example", b"ch-a.mssante.ex<!-- x -->ample", 1)
    assert read_whitelist(bent).entries[0].domain == "ch-a.mssante.example"


@pytest.mark.parametrize("signature_outside", [True, False])
def test_signed_list_wrapped_in_another_is_refused(signed, signature_outside):
    data = lists.wrapped(signed, EVIL, signature_outside=signature_outside)
    assert fault(data) is WhitelistFault.SIGNATURE


def test_two_signatures_are_refused(signed):
    assert fault(lists.with_signature_twice(signed)) is WhitelistFault.SIGNATURE


def test_signature_deeper_in_the_tree_is_refused(signed):
    assert fault(lists.with_signature_deeper(signed)) is WhitelistFault.SIGNATURE


def test_entries_hidden_inside_the_signature_are_refused(signed):
    assert fault(lists.with_object_in_signature(signed, EVIL)) is WhitelistFault.SIGNATURE


def test_signature_over_a_part_is_refused(in_toy_space):
    data = lists.signed_in_part(in_toy_space.signer(), ENTRIES)
    assert fault(data) is WhitelistFault.SIGNATURE


@pytest.mark.parametrize(
    "form",
    [
        {"signature": SignatureMethod.RSA_SHA1},
        {"digest": DigestAlgorithm.SHA1},
        {"signature": SignatureMethod.RSA_SHA512},
        {"signature": SignatureMethod.SHA256_RSA_MGF1},
        {"digest": DigestAlgorithm.SHA512},
        {"c14n": CanonicalizationMethod.CANONICAL_XML_1_0},
        {"c14n": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS},
        {"exclude_c14n_transform_element": True},
        {"cert": None},
    ],
    ids=lambda form: "-".join(f"{k}={getattr(v, 'name', v)}" for k, v in form.items()),
)
def test_signature_of_another_form_is_refused(in_toy_space, form):
    data = lists.signed_with(in_toy_space.signer(), ENTRIES, **form)
    assert fault(data) is WhitelistFault.SIGNATURE


@pytest.mark.parametrize("extra", [{"always_add_key_value": True}, {"key_name": "alb"}])
def test_key_described_beside_its_certificate_changes_nothing(in_toy_space, extra):
    data = lists.signed_with(in_toy_space.signer(), ENTRIES, **extra)
    assert len(read_whitelist(data).entries) == 1


def test_other_key_described_beside_the_certificate_is_refused(in_toy_space):
    data = lists.signed_with(in_toy_space.signer(), ENTRIES, always_add_key_value=True)
    start, end = data.index(b"Modulus>") + 8, data.index(b"</ds:Modulus>")
    bent = data[:start] + data[start:end].swapcase() + data[end:]
    assert fault(bent) is WhitelistFault.SIGNATURE


def test_two_certificates_in_the_signature_are_refused(in_toy_space):
    signer, authority = in_toy_space.signer(), in_toy_space.authority()
    both = [signer.pem.decode(), authority.pem.decode()]
    assert fault(lists.signed_with(signer, ENTRIES, cert=both)) is WhitelistFault.SIGNATURE


def test_list_without_a_signature_is_refused(in_toy_space):
    assert fault(lists.unsigned(ENTRIES)) is WhitelistFault.SIGNATURE


@pytest.mark.parametrize("text", [b"", b"AAAA", b"%%%", b"&#233;"])
def test_junk_in_place_of_the_signature_value_is_refused(signed, text):
    start = signed.index(b"<SignatureValue>") + len(b"<SignatureValue>")
    bent = signed[:start] + text + signed[signed.index(b"</SignatureValue>") :]
    assert fault(bent) is WhitelistFault.SIGNATURE


@pytest.mark.parametrize("text", [b"", b"%%%", b"&#233;"])
def test_junk_in_place_of_the_certificate_is_refused(signed, text):
    start = signed.index(b"<X509Certificate>") + len(b"<X509Certificate>")
    bent = signed[:start] + text + signed[signed.index(b"</X509Certificate>") :]
    assert fault(bent) is WhitelistFault.SIGNATURE


def test_verifier_that_hands_back_no_document_is_not_believed(signed, monkeypatch):
    result = VerifyResult(b"", None, lists.tree(signed), b"")
    monkeypatch.setattr(XMLVerifier, "verify", lambda *_args, **_options: result)
    assert fault(signed) is WhitelistFault.SIGNATURE


def test_list_signed_by_another_organisation_is_refused(in_toy_space):
    other = builder.list_signer(in_toy_space, common_name="mss.peer.example")
    assert fault(lists.signed_by(other, EVIL)) is WhitelistFault.SIGNER
    assert fault(lists.signed_by(builder.peer(in_toy_space), EVIL)) is WhitelistFault.SIGNER


def test_certificate_of_the_signer_with_the_signature_of_another_is_refused(in_toy_space):
    thief = builder.with_key_of(in_toy_space.signer(), builder.foreign_key())
    assert fault(lists.signed_by(thief, EVIL)) is WhitelistFault.SIGNATURE


def test_list_signed_in_another_tree_is_refused(in_toy_space, foreign_space):
    assert fault(lists.signed_by(foreign_space.signer(), EVIL)) is WhitelistFault.SIGNER


def test_list_of_a_revoked_signer_is_refused(own_space):
    data = sign_whitelist(own_space, ENTRIES, datetime.now(UTC))
    revoke(own_space, own_space.signer().serial)
    assert fault(data) is WhitelistFault.SIGNER


def test_signer_that_cannot_be_checked_now_is_told_apart(own_space):
    data = sign_whitelist(own_space, ENTRIES, datetime.now(UTC))
    (own_space.crl / "ACI-EL-ORG.crl").unlink()
    assert fault(data) is WhitelistFault.SIGNER_UNKNOWN


def test_list_of_an_expired_signer_is_refused(in_toy_space, signed):
    later = in_toy_space.signer().certificate.not_valid_after_utc + timedelta(days=1)
    assert fault(signed, now=later) is WhitelistFault.SIGNER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no list",
        b"<ListeBlancheMSSante>",
        b"<!DOCTYPE ListeBlancheMSSante><ListeBlancheMSSante/>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)
def test_what_is_no_document_is_malformed(in_toy_space, data):
    assert fault(data) is WhitelistFault.MALFORMED


def test_document_type_in_front_of_a_signed_list_is_malformed(signed):
    doctype = b"<!DOCTYPE ListeBlancheMSSante [<!ENTITY x 'y'>]>"
    bent = signed.replace(b"<ListeBlanche", doctype + b"<ListeBlanche", 1)
    assert fault(bent) is WhitelistFault.MALFORMED


def test_giant_file_is_malformed(in_toy_space, monkeypatch):
    monkeypatch.setattr("directory.trust.signed_list.MAX_BYTES", 1000)
    assert (
        fault(sign_whitelist(in_toy_space, ENTRIES, datetime.now(UTC))) is WhitelistFault.MALFORMED
    )


def test_other_document_of_the_right_signer_is_refused(in_toy_space):
    data = lists.signed_text(in_toy_space.signer(), b"<Facture/>")
    assert fault(data) is WhitelistFault.SIGNATURE


@pytest.mark.parametrize("date", [b"", b"yesterday", b"2026-11-20T06:00:00", b"20 nov."])
def test_list_without_a_readable_date_is_malformed(in_toy_space, date):
    document = lists.unsigned(ENTRIES, datetime(2026, 1, 1, tzinfo=UTC))
    document = document.replace(b"2026-01-01T00:00:00Z", date, 1)
    data = lists.signed_text(in_toy_space.signer(), document)
    assert fault(data) is WhitelistFault.MALFORMED


def test_list_with_two_dates_is_malformed(in_toy_space):
    extra = b"<DateDeGeneration>2020-01-01T00:00:00Z</DateDeGeneration><ListeDomaines>"
    document = lists.unsigned(ENTRIES).replace(b"<ListeDomaines>", extra)
    data = lists.signed_text(in_toy_space.signer(), document)
    assert fault(data) is WhitelistFault.MALFORMED


def test_list_without_an_entry_is_refused(in_toy_space):
    assert fault(sign_whitelist(in_toy_space, [], datetime.now(UTC))) is WhitelistFault.EMPTY


def test_list_of_the_future_is_refused_beyond_one_hour(in_toy_space):
    now = datetime.now(UTC).replace(microsecond=0)
    hour = timedelta(hours=1)
    assert read_whitelist(sign_whitelist(in_toy_space, ENTRIES, now + hour), now=now).entries
    beyond = sign_whitelist(in_toy_space, ENTRIES, now + hour + timedelta(seconds=1))
    assert fault(beyond, now=now) is WhitelistFault.FUTURE


def test_word_of_an_error_names_nobody(signed):
    with pytest.raises(WhitelistError) as caught:
        read_whitelist(signed.replace(b"ch-a.mssante", b"ch-b.mssante"))
    assert str(caught.value) == "signature"
