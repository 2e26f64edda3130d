"""The toy space of the demonstration: made once, kept, renewed in time, and private."""

import stat
from datetime import UTC, datetime, timedelta

import pytest

from directory.trust.anchors import load_anchors
from directory.trust.files import stamp
from directory.trust.signed_list import read_whitelist
from mssante.demo import pki
from mssante.demo.operators import HOSPITAL
from mssante.demo.pki import (
    build_toy_space,
    issue_operator,
    revoke,
    write_crl,
    write_file,
    write_whitelist,
)
from tests.pki import builder, lists
from tests.pki.fixtures import use_space


def operator(space, **changes):
    values = {
        "key": HOSPITAL.key,
        "common_name": HOSPITAL.host,
        "organisation": HOSPITAL.organisation,
        "structure_id": HOSPITAL.structure_id,
        "department": HOSPITAL.department,
    }
    return issue_operator(space, **{**values, **changes})


def contents(space):
    return {path: path.read_bytes() for path in space.root.rglob("*") if path.is_file()}


def test_layout_is_complete(toy_space):
    files = {str(path.relative_to(toy_space.root)) for path in contents(toy_space)}
    assert files == {
        "anchors/organisations/root.pem",
        "anchors/organisations/issuing.pem",
        "anchors/persons/root.pem",
        "anchors/persons/issuing.pem",
        "crl/ACR-EL.crl",
        "crl/ACI-EL-ORG.crl",
        "crl/ACR-FO.crl",
        "crl/ACI-FO-PP.crl",
        "operators/hopital/cert.pem",
        "operators/hopital/key.pem",
        "operators/cabinet/cert.pem",
        "operators/cabinet/key.pem",
        "private/organisations-root.key",
        "private/organisations-issuing.key",
        "private/persons-root.key",
        "private/persons-issuing.key",
        "signer.pem",
        "signer.key",
        "whitelist.xml",
    }


def test_files_and_folders_are_for_the_owner_alone(toy_space):
    for path in (toy_space.root, *toy_space.root.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_new_space_has_a_list_that_is_read(settings, tmp_path):
    space = build_toy_space(tmp_path / "new" / "space")
    use_space(settings, space)
    (entry,) = read_whitelist(space.whitelist.read_bytes()).entries
    assert entry.domain.endswith(".example")


def test_building_again_changes_nothing(own_space):
    before = contents(own_space)
    build_toy_space(own_space.root)
    operator(own_space)
    assert contents(own_space) == before


def test_lists_near_their_end_are_renewed_and_keep_what_was_revoked(own_space):
    revoke(own_space, 1234)
    revoke(own_space, 5678)
    revoke(own_space, 1234)
    soon = datetime.now(UTC) + timedelta(days=2)
    write_crl(own_space, "organisations", "issuing", next_update=soon)
    build_toy_space(own_space.root)
    crl = own_space.crl / "ACI-EL-ORG.crl"
    assert lists.revoked_numbers(crl) == [1234, 5678]
    assert lists.end_of(crl) > soon + timedelta(days=7)


def test_old_white_list_is_signed_again_with_the_same_entries(own_space):
    entries = [("a.mssante.example", "CN=a", "A")]
    old = datetime.now(UTC) - timedelta(days=8)
    write_file(own_space.whitelist, pki.sign_whitelist(own_space, entries, old))
    build_toy_space(own_space.root)
    renewed = read_whitelist(own_space.whitelist.read_bytes())
    assert renewed.generated_at > old + timedelta(days=7)
    assert [(e.domain, e.dn, e.description) for e in renewed.entries] == entries


def test_white_list_with_other_entries_is_written_and_the_same_is_left(own_space):
    entries = [("a.mssante.example", "CN=a", "A")]
    write_whitelist(own_space, entries)
    before = stamp(own_space.whitelist)
    write_whitelist(own_space, entries)
    assert stamp(own_space.whitelist) == before
    assert len(read_whitelist(own_space.whitelist.read_bytes()).entries) == 1


def test_operator_is_kept_until_its_name_changes_or_its_end_is_near(own_space):
    kept = operator(own_space)
    first = kept.certificate.read_bytes()
    assert operator(own_space).certificate.read_bytes() == first
    renamed = operator(own_space, organisation="CENTRE HOSPITALIER RENOMME")
    assert renamed.certificate.read_bytes() != first
    assert "RENOMME" in renamed.dn


def test_operator_near_its_end_is_renewed_under_the_same_name(own_space, monkeypatch):
    before = operator(own_space)
    first = before.certificate.read_bytes()
    monkeypatch.setattr(pki, "RENEW_LEAF", timedelta(days=4 * 365))
    after = operator(own_space)
    assert after.certificate.read_bytes() != first
    assert after.dn == before.dn


def test_operator_may_lie_elsewhere(own_space, tmp_path):
    files = operator(own_space, folder=tmp_path / "elsewhere")
    assert files.certificate.parent == tmp_path / "elsewhere"
    assert files.certificate.read_bytes().count(b"BEGIN CERTIFICATE") == 2


def test_lost_root_is_replaced_with_everything_below_it(own_space):
    (own_space.anchors / "organisations" / "root.pem").unlink()
    build_toy_space(own_space.root)
    operator(own_space)
    load_anchors("organisations")
    assert read_whitelist(own_space.whitelist.read_bytes()).entries


def test_key_of_another_kind_in_the_folder_is_an_error(own_space):
    write_file(own_space.root / "signer.key", builder.elliptic_key())
    with pytest.raises(TypeError):
        own_space.signer()


def test_authorities_say_what_they_are(toy_space):
    for kind in ("organisations", "persons"):
        for level in ("root", "issuing"):
            name = toy_space.authority(kind, level).dn
            assert name.startswith("CN=AC ")
            assert name.count("DEMONSTRATION") == 2
            assert "O=ASIP-SANTE DEMONSTRATION" in name
