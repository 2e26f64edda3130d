"""Only the authorities of the folder count, and the folder must make sense."""

import pytest

from directory.trust import anchors
from directory.trust.anchors import AnchorsError, is_toy, load_anchors
from mssante.demo.pki import write_file
from tests.pki import builder


def test_toy_anchors_are_one_root_and_one_issuer_for_each_purpose(in_toy_space):
    for kind in ("organisations", "persons"):
        found = load_anchors(kind)
        assert len(found.roots) == len(found.issuers) == 1
        assert found.pem.count("BEGIN CERTIFICATE") == 2
        assert is_toy(found)


def test_other_tree_is_not_called_a_toy(own_space):
    root = builder.plain_authority("AC RACINE")
    issuer = builder.plain_authority("AC ORGANISATIONS", issuer=root)
    write_file(own_space.anchors / "organisations" / "root.pem", root.pem)
    write_file(own_space.anchors / "organisations" / "issuing.pem", issuer.pem)
    assert not is_toy(load_anchors("organisations"))


def test_toy_below_a_real_root_is_still_a_toy(own_space):
    folder = own_space.anchors / "organisations"
    root = builder.plain_authority("AC RACINE")
    toy_issuer = builder.authority("AC DEMONSTRATION", issuer=root)
    write_file(folder / "root.pem", root.pem)
    write_file(folder / "issuing.pem", toy_issuer.pem)
    assert is_toy(load_anchors("organisations"))


def test_anchors_are_kept_until_a_file_changes(own_space):
    first = load_anchors("organisations")
    assert load_anchors("organisations") is first
    issuer = builder.authority(issuer=own_space.authority("organisations", "root"))
    write_file(own_space.anchors / "organisations" / "second.pem", issuer.pem)
    assert len(load_anchors("organisations").issuers) == 2


def test_several_certificates_in_one_file_are_all_read(own_space):
    folder = own_space.anchors / "organisations"
    both = (folder / "root.pem").read_bytes() + (folder / "issuing.pem").read_bytes()
    (folder / "issuing.pem").unlink()
    write_file(folder / "root.pem", both)
    assert len(load_anchors("organisations").issuers) == 1


def test_missing_folder_is_an_error(own_space, settings):
    settings.TRUST_ANCHORS_DIR = own_space.root / "nowhere"
    with pytest.raises(AnchorsError):
        load_anchors("organisations")


def test_file_that_vanishes_while_we_look_is_an_error(in_toy_space, monkeypatch):
    def vanish(*_args):
        raise FileNotFoundError

    monkeypatch.setattr(anchors, "stamp_all", vanish)
    with pytest.raises(AnchorsError, match="cannot be read"):
        load_anchors("organisations")


@pytest.mark.parametrize("missing", ["root.pem", "issuing.pem"])
def test_root_without_issuer_and_issuer_without_root_are_errors(own_space, missing):
    (own_space.anchors / "organisations" / missing).unlink()
    with pytest.raises(AnchorsError):
        load_anchors("organisations")


def test_issuer_of_another_root_is_an_error(own_space, foreign_space):
    stranger = foreign_space.authority()
    write_file(own_space.anchors / "organisations" / "issuing.pem", stranger.pem)
    with pytest.raises(AnchorsError, match="none of the roots"):
        load_anchors("organisations")


def test_root_signed_by_somebody_else_is_an_error(own_space):
    root = own_space.authority("organisations", "root")
    impostor = builder.with_key_of(root, builder.foreign_key())
    forged = builder.authority("AC RACINE DEMONSTRATION ELEMENTAIRE", issuer=impostor)
    write_file(own_space.anchors / "organisations" / "root.pem", forged.pem)
    with pytest.raises(AnchorsError, match="itself"):
        load_anchors("organisations")


@pytest.mark.parametrize(
    "changes", [{"usages": frozenset({"crl_sign"})}, {"usages": None}, {"is_authority": False}]
)
def test_certificate_that_may_not_sign_others_is_no_anchor(own_space, changes):
    root = own_space.authority("organisations", "root")
    write_file(
        own_space.anchors / "organisations" / "second.pem",
        builder.authority(issuer=root, **changes).pem,
    )
    with pytest.raises(AnchorsError, match="no authority"):
        load_anchors("organisations")


def test_unreadable_file_is_an_error(own_space):
    write_file(own_space.anchors / "organisations" / "junk.pem", b"no certificate")
    with pytest.raises(AnchorsError, match="no readable certificate"):
        load_anchors("organisations")


def test_persons_do_not_vouch_for_organisations(in_toy_space):
    organisations, persons = load_anchors("organisations"), load_anchors("persons")
    assert not set(organisations.roots) & set(persons.roots)
    assert not set(organisations.issuers) & set(persons.issuers)
