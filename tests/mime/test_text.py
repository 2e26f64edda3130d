"""Lines, bodies and file names are cleaned of what reads or breaks otherwise than it looks."""

import pytest
from hypothesis import given, settings, strategies as st

from webmail.mime.text import clean_file_name, clean_line, clean_text


def test_line_ends_and_nulls_in_a_line_become_spaces():
    assert clean_line("a\r\nBcc: b\x00c") == "a Bcc: b c"


def test_decomposed_accents_are_composed():
    assert clean_line("re\u0301sultat") == "résultat"


def test_overrides_of_reading_order_are_removed():
    assert clean_line("a\u202efdp.exe") == "afdp.exe"


def test_body_keeps_tabs_and_lines_only():
    assert clean_text("a\r\nb\rc\td\x1b[31m\x9b\x00e") == "a\nb\nc\td[31me"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\a\compte rendu.pdf", "compte rendu.pdf"),
        ("résultat 12/03/2026.pdf", "résultat 12-03-2026.pdf"),
        ("a\r\nX: y.pdf", "a X_ y.pdf"),
        ("fdp\u202egpj.exe", "fdpgpj.exe"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("..", ""),
        ("", ""),
        ("a\x00b.pdf", "a b.pdf"),
        ("résultat d'analyse.pdf", "résultat d'analyse.pdf"),
    ],
)
def test_file_names_are_safe_to_save_under(name, expected):
    assert clean_file_name(name) == expected


def test_a_long_name_keeps_its_extension():
    name = clean_file_name("é" * 300 + ".pdf")
    assert name.endswith("é.pdf")
    assert len(name.encode()) <= 240


def test_a_long_name_without_extension_is_cut():
    assert len(clean_file_name("a" * 300)) == 200
    assert len(clean_file_name("a." + "b" * 300)) == 200


@given(st.text(max_size=400))
@settings(deadline=None, max_examples=200)
def test_cleaning_a_name_twice_changes_nothing(name):
    once = clean_file_name(name)
    assert clean_file_name(once) == once
    assert not set(once) & set('/\\\r\n\x00"')
