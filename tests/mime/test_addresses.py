"""What people type is read strictly: an address is ASCII, complete and named once."""

import pytest
from hypothesis import given, settings, strategies as st

from webmail.mime.addresses import (
    AddressError,
    domain_of,
    is_valid_address,
    lower_domain,
    normalise_address,
    parse_address_list,
)
from webmail.mime.types import Address

LOCAL = st.from_regex(r"[a-z0-9+_-]{1,20}(\.[a-z0-9]{1,10}){0,2}", fullmatch=True)
DOMAIN = st.from_regex(r"([a-z0-9]{1,10}\.){1,3}example", fullmatch=True)
ADDRESS = st.builds(lambda local, domain: f"{local}@{domain}", LOCAL, DOMAIN)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "dr.petit",
        "@hopital.example",
        "dr.petit@",
        "dr.petit@localhost",
        "dr..petit@hopital.example",
        ".petit@hopital.example",
        "dr petit@hopital.example",
        "élise@cabinet.example",
        "dr@hôpital.example",
        "dr@-hopital.example",
        "dr@hopital.123",
        "dr@[192.0.2.1]",
        "a@b@hopital.example",
        "dr@hopital.example\n",
        "dr@hopital.example>",
        '"dr petit"@hopital.example',
        f"{'a' * 65}@hopital.example",
        f"a@{'b' * 64}.example",
        f"a@{'b.' * 130}example",
    ],
)
def test_what_is_no_address_is_refused(address):
    assert not is_valid_address(address)


@given(ADDRESS)
@settings(deadline=None, max_examples=100)
def test_plain_addresses_are_valid(address):
    assert is_valid_address(address)
    assert parse_address_list(address) == (Address("", address),)


def test_list_takes_commas_semicolons_and_lines():
    typed = "a@x.example, b@x.example;c@x.example\r\nd@x.example\n\n,"
    assert [item.address for item in parse_address_list(typed)] == [
        "a@x.example",
        "b@x.example",
        "c@x.example",
        "d@x.example",
    ]


def test_names_may_hold_separators_between_quotes():
    typed = '"Martin, \\"Élise\\"; dr" <Elise@Cabinet.Example>, Dr Petit <p@x.example>'
    assert parse_address_list(typed) == (
        Address('Martin, "Élise"; dr', "Elise@cabinet.example"),
        Address("Dr Petit", "p@x.example"),
    )


def test_same_address_in_another_case_is_kept_once():
    assert len(parse_address_list("Dr A <a@x.example>, A@X.EXAMPLE")) == 1


@pytest.mark.parametrize("typed", ["nobody", "a@x.example, nobody", '"a <a@x.example>', "<a@x.exa"])
def test_the_offending_piece_is_named(typed):
    with pytest.raises(AddressError) as caught:
        parse_address_list(typed)
    assert caught.value.text
    assert caught.value.text not in str(caught.value)


def test_an_endless_list_is_refused():
    with pytest.raises(AddressError):
        parse_address_list("a" * 200_000)


def test_domains_and_addresses_compare_in_lower_case():
    assert domain_of("Dr@Hopital.EXAMPLE") == "hopital.example"
    assert domain_of("nobody") == ""
    assert normalise_address(" Dr@Hopital.EXAMPLE ") == "dr@hopital.example"
    assert lower_domain("Dr@Hopital.EXAMPLE") == "Dr@hopital.example"
    assert lower_domain("nobody") == "nobody"


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_text_gives_addresses_or_an_address_error(text):
    try:
        found = parse_address_list(text)
    except AddressError:
        return
    assert all(is_valid_address(item.address) for item in found)
