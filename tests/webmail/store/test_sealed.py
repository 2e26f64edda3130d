"""Sealed columns: each opens in its own box and its own column, and nowhere else."""

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from accounts.keyring import KeyringError
from tests.factories.people import make_mailbox
from webmail.mime.types import Address
from webmail.models import Mailbox
from webmail.store.sealed import (
    content_hash,
    mailbox_key,
    new_mailbox_key,
    open_person,
    open_text,
    plain_address,
    seal_person,
    seal_text,
)


@pytest.fixture
def box():
    """A box that is not saved: keys need an address and no row."""
    address = "a@ch-valbrune.mssante.example"
    return Mailbox(address=address, wrapped_key=new_mailbox_key(address))


@pytest.fixture
def other():
    address = "b@ch-valbrune.mssante.example"
    return Mailbox(address=address, wrapped_key=new_mailbox_key(address))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
KEY_OWNER = "c@ch-valbrune.mssante.example"


@hypothesis_settings(max_examples=100, deadline=None)
@given(TEXT)
def test_any_text_comes_back(text):
    box = Mailbox(address=KEY_OWNER, wrapped_key=_wrapped())
    sealed = seal_text(box, "subject", text)
    assert open_text(box, "subject", sealed) == text
    if len(text) > 3:
        assert text.encode() not in sealed


def _wrapped(kept=[]):  # noqa: B006  (Made once, and only when a test first asks.)
    kept = kept or [new_mailbox_key(KEY_OWNER)]
    return kept[0]


def test_empty_text_is_an_empty_column(box):
    assert seal_text(box, "subject", "") == b""
    assert open_text(box, "subject", b"") == ""
    assert open_person(box, b"") == Address("", "")


def test_same_text_is_sealed_differently_each_time(box):
    assert seal_text(box, "subject", "Avis") != seal_text(box, "subject", "Avis")


def test_sealed_text_does_not_open_in_another_column_or_box(box, other):
    sealed = seal_text(box, "subject", "Avis")
    for place in ((box, "snippet"), (other, "subject")):
        with pytest.raises(KeyringError):
            open_text(*place, sealed)


def test_every_altered_byte_is_seen(box):
    sealed = seal_text(box, "subject", "Avis cardiologique")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 0x10
        with pytest.raises(KeyringError):
            open_text(box, "subject", bytes(altered))
    for length in range(1, len(sealed)):
        with pytest.raises(KeyringError):
            open_text(box, "subject", sealed[:length])


def test_key_of_one_box_does_not_serve_another(box, other):
    thief = Mailbox(address=other.address, wrapped_key=box.wrapped_key)
    with pytest.raises(KeyringError):
        mailbox_key(thief)
    assert mailbox_key(box) != mailbox_key(other)


def test_person_comes_back_with_name_and_address(box):
    person = Address('Dr "Léa" Ñoño', "lea@x.example")
    assert open_person(box, memoryview(seal_person(box, person))) == person


def test_look_up_value_of_a_content_is_the_box_s_own(box, other):
    assert content_hash(box, b"x" * 32) == content_hash(box, b"x" * 32)
    assert content_hash(box, b"x" * 32) != content_hash(other, b"x" * 32)
    assert content_hash(box, b"x" * 32) != content_hash(box, b"y" * 32)


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("hugo.petit@x.example", "hugo.petit@x.example"),
        ("290027512345678@patient.mssante.fr", "***@patient.mssante.fr"),
        ("290027512345678@PATIENT.mssante.fr", "***@patient.mssante.fr"),
        ("", ""),
        ("pas une adresse", "pas une adresse"),
    ],
)
def test_only_a_patient_s_address_is_masked(address, plain):
    assert plain_address(address) == plain


@pytest.mark.django_db
def test_box_that_was_read_back_from_the_database_opens_what_it_sealed(dr_petit):
    box = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    sealed = seal_text(box, "subject", "Avis")
    assert open_text(Mailbox.objects.get(pk=box.pk), "subject", sealed) == "Avis"
