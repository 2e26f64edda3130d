"""The same name, however it is written: the oddities of the published list, and what must stay
apart.
"""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from directory.trust.dn import LONGEST_DN, DnError, dn_hash, normalise_dn, normalise_rdns

PLAIN = "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR"


@pytest.mark.parametrize(
    "other",
    [
        "C=FR,ST=Ain (01),O=CENTRE HOSPITALIER A,OU=1990000001,CN=mss.ch-a.example",
        "CN=mss.ch-a.example, OU=1990000001, O=CENTRE HOSPITALIER A, ST=Ain (01), C=FR",
        "CN=mss.ch-a.example ,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR",
        'CN=mss.ch-a.example,OU=1990000001,O="CENTRE HOSPITALIER A",ST=Ain (01),C=FR',
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE  HOSPITALIER   A,ST=Ain (01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE\u00a0HOSPITALIER\u00a0A,ST=Ain (01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE\u202fHOSPITALIER A,ST=Ain\u00a0(01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE\n  HOSPITALIER A,ST=Ain (01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain(01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain ( 01 ),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,L=Ain (01),C=FR",
        "cn=MSS.CH-A.EXAMPLE,ou=1990000001,o=Centre Hospitalier A,st=AIN (01),c=fr",
        "2.5.4.3=mss.ch-a.example,OID.2.5.4.11=1990000001,O=CENTRE HOSPITALIER A,S=Ain (01),C=FR",
        r"CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER \41,ST=Ain (01),C=FR",
        r"CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A\20,ST=Ain (01),C=FR",
        "  CN = mss.ch-a.example ; OU = 1990000001 ; O = CENTRE HOSPITALIER A;ST=Ain (01);C=FR ",
    ],
)
def test_oddity_of_the_list_is_the_same_name(other):
    assert normalise_dn(other) == normalise_dn(PLAIN)
    assert dn_hash(other) == dn_hash(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER B,ST=Ain (01),C=FR",
        "CN=mss.ch-a.example,OU=1990000002,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (02),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01)",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTREHOSPITALIER A,ST=Ain (01),C=FR",
        "CN=mss.ch-a.example,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR,C=FR",
        "CN=mss.ch-a.example+OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR",
        "CN=1990000001,OU=mss.ch-a.example,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR",
        r"CN=mss.ch-a.example\,OU=1990000001,O=CENTRE HOSPITALIER A,ST=Ain (01),C=FR",
    ],
)
def test_other_name_stays_another(other):
    assert dn_hash(other) != dn_hash(PLAIN)


def test_accents_are_the_same_composed_and_decomposed():
    composed = "O=HÔPITAL ÉLODIE,ST=Rhône (69)"
    assert dn_hash(composed) == dn_hash(unicodedata.normalize("NFD", composed))
    assert dn_hash(composed) != dn_hash("O=HOPITAL ELODIE,ST=Rhone (69)")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'O="SELARL \"LES LILAS\" SUD",C=FR', 'selarl "les lilas" sud'),
        ('O="SELARL ""LES LILAS"" SUD",C=FR', 'selarl "les lilas" sud'),
        ('O="SELARL "LES LILAS" SUD",C=FR', 'selarl "les lilas" sud'),
        ('O="SELARL "LES LILAS"",C=FR', 'selarl "les lilas"'),
        ('O="SELARL ""LES LILAS""",C=FR', 'selarl "les lilas"'),
        (r"O=SELARL \"LES LILAS\",C=FR", 'selarl "les lilas"'),
        ('O=SELARL "LES LILAS",C=FR', 'selarl "les lilas"'),
        ('O="LES LILAS" SUD,C=FR', '"les lilas" sud'),
        ('O="DUPONT, MARTIN + FILS; SUITE",C=FR', "dupont, martin + fils; suite"),
        (r"O=DUPONT\, MARTIN,C=FR", "dupont, martin"),
        (r"O=DUPONT\2C MARTIN,C=FR", "dupont, martin"),
        ("O=DUPONT, MARTIN,C=FR", "dupont, martin"),
        (r"O=PH\C3\94PITAL,C=FR", "phôpital"),
        (r"O=A \\ B,C=FR", "a \\ b"),
        (r"O=\#1,C=FR", "#1"),
        ('O="",C=FR', ""),
        ("O=,C=FR", ""),
    ],
)
def test_quoted_and_escaped_values_are_read(text, value):
    assert normalise_dn(text) == ((("C", "fr"),), (("O", value),))


def test_multi_valued_part_keeps_together_in_any_order():
    assert normalise_dn("GN=Anne+CN=1+SN=DURAND,C=FR") == normalise_dn(
        "C=FR,SN=DURAND+GN=Anne+CN=1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "FR",
        "=FR",
        ",C=FR",
        "CN=a,",
        "1=x",
        r"O=\FF\FE,C=FR",
        "O=A\\",
        "O=" + "A" * LONGEST_DN,
    ],
)
def test_what_is_no_name_is_refused_or_kept_as_text(text):
    if text == "CN=a,":
        # No type follows the comma, so it belongs to the value: such a name equals no
        # certificate's.
        assert normalise_dn(text) == ((("CN", "a,"),),)
    else:
        with pytest.raises(DnError):
            normalise_dn(text)


def test_empty_structure_identifies_nobody():
    with pytest.raises(DnError):
        normalise_rdns([])


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_dn_error(text):
    try:
        first = normalise_dn(text)
    except DnError:
        return
    assert normalise_dn(text) == first


@given(
    st.lists(
        st.tuples(st.sampled_from(["CN", "O", "OU", "ST"]), st.text(max_size=20)),
        min_size=1,
        max_size=5,
    )
)
def test_normalising_twice_changes_nothing(pairs):
    once = normalise_rdns([pair] for pair in pairs)
    assert normalise_rdns(once) == once


def test_long_run_of_spaces_is_read_in_no_time():
    assert normalise_dn("O=" + " " * (LONGEST_DN - 10) + "A,C=FR")[1] == (("O", "a"),)
