"""Keys: what is wrapped opens only in its context; a bad master key is refused, never shown."""

import pytest
from django.core.management import CommandError, call_command

from accounts import keyring
from accounts.keyring import (
    FrameCipher,
    KeyringError,
    check_master_key,
    create_master_key,
    derive_key,
    keyed_hash,
    new_key,
    open_sealed,
    seal,
    unwrap_key,
    wrap_key,
)


@pytest.fixture
def master_file(settings, tmp_path):
    """A master key file of this test's own; the path is new, so nothing of it is remembered."""
    settings.MASTER_KEY_FILE = tmp_path / "keys" / "master.key"
    return settings.MASTER_KEY_FILE


def test_wrapped_key_opens_in_its_context_only():
    key = new_key()
    wrapped = wrap_key(key, b"mailbox:a@x.example")
    assert unwrap_key(wrapped, b"mailbox:a@x.example") == key
    assert key not in wrapped
    with pytest.raises(KeyringError):
        unwrap_key(wrapped, b"mailbox:b@x.example")


@pytest.mark.parametrize("length", [0, 1, 5, 13, 20])
def test_cut_wrapping_does_not_open(length):
    with pytest.raises(KeyringError):
        unwrap_key(wrap_key(new_key(), b"c")[:length], b"c")


@pytest.mark.parametrize("place", [0, 1, 12, 20, -1])
def test_altered_wrapping_does_not_open(place):
    wrapped = bytearray(wrap_key(new_key(), b"c"))
    wrapped[place] ^= 1
    with pytest.raises(KeyringError):
        unwrap_key(bytes(wrapped), b"c")


@pytest.mark.parametrize("text", ["", "été", "x" * 100_000, "\x00", "🫀"])
def test_sealed_column_comes_back_as_it_was(text):
    key = new_key()
    sealed = seal(key, text, b"subject")
    assert open_sealed(key, sealed, b"subject") == text
    assert sealed != seal(key, text, b"subject")


def test_sealed_value_cannot_be_moved_to_another_column_or_box():
    key = new_key()
    sealed = seal(key, "secret", b"subject")
    for other_key, column in ((key, b"snippet"), (new_key(), b"subject")):
        with pytest.raises(KeyringError):
            open_sealed(other_key, sealed, column)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + b"x" * 40, b"\x01" + b"x" * 11])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(KeyringError):
        open_sealed(new_key(), sealed, b"subject")


def test_keyed_hash_depends_on_key_purpose_and_data():
    key = new_key()
    values = {
        keyed_hash(key, b"a", b"content"),
        keyed_hash(key, b"b", b"content"),
        keyed_hash(key, b"a", b"word"),
        keyed_hash(new_key(), b"a", b"content"),
    }
    assert len(values) == 4
    assert keyed_hash(key, b"a", b"content") in values


def test_no_two_purposes_share_a_key():
    key = new_key()
    assert derive_key(key, b"column") != derive_key(key, b"blob")
    assert derive_key(key, b"blob", b"a") != derive_key(key, b"blob", b"b")


def test_frame_opens_at_its_place_in_its_blob_only():
    key, salt = new_key(), b"s" * 16
    sealed = FrameCipher(key, salt).encrypt(3, b"frame", b"name/more")
    assert FrameCipher(key, salt).decrypt(3, sealed, b"name/more") == b"frame"
    for cipher, number, context in (
        (FrameCipher(key, salt), 4, b"name/more"),
        (FrameCipher(key, salt), 3, b"name/last"),
        (FrameCipher(key, b"t" * 16), 3, b"name/more"),
    ):
        with pytest.raises(KeyringError):
            cipher.decrypt(number, sealed, context)


def test_master_key_is_readable_by_its_owner_alone(master_file):
    create_master_key(master_file)
    assert master_file.stat().st_mode & 0o777 == 0o600
    assert master_file.parent.stat().st_mode & 0o777 == 0o700
    check_master_key()


def test_master_key_is_never_replaced(master_file):
    create_master_key(master_file)
    before = master_file.read_bytes()
    with pytest.raises(KeyringError):
        create_master_key(master_file)
    assert master_file.read_bytes() == before


def test_missing_master_key_is_said(master_file):
    with pytest.raises(KeyringError, match="cannot be read"):
        check_master_key()


def test_master_key_that_others_may_read_is_refused(master_file):
    create_master_key(master_file)
    master_file.chmod(0o640)
    with pytest.raises(KeyringError, match="readable by others"):
        check_master_key()


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "ab" * 33, "é" * 64])
def test_malformed_master_key_is_refused_without_being_shown(master_file, text):
    create_master_key(master_file)
    master_file.write_text(text)
    with pytest.raises(KeyringError, match="must hold 64 hexadecimal digits") as refused:
        check_master_key()
    assert not text or text not in str(refused.value)


def test_another_master_key_opens_nothing(master_file):
    wrapped = None
    create_master_key(master_file)
    wrapped = wrap_key(new_key(), b"c")
    keyring._read_master_key.cache_clear()
    master_file.write_text("ab" * 32)
    with pytest.raises(KeyringError):
        unwrap_key(wrapped, b"c")


def test_command_creates_the_key_once(master_file, capsys):
    call_command("create_master_key")
    assert master_file.exists()
    assert master_file.read_text().strip() not in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("create_master_key")
