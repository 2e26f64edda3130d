"""HTML as words, quotes of a reply, first words of a list: linear, whatever the markup."""

import time

import pytest
from hypothesis import given, settings, strategies as st

from webmail.mime.quoting import html_to_text, quote_reply, snippet


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>Bonjour</p><p>Madame&nbsp;&amp; Monsieur</p>", "Bonjour\n\nMadame & Monsieur"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<head><title>t</title></head><body>a</body>", "a"),
        ("<head><title>t</title><body>a", "a"),
        ("<style>p{}</style>a<script>x('</b>')</script>b", "ab"),
        ("a<!-- x > -->b<!-- never closed", "ab"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("1 < 2 &lt;b&gt;", "1 < 2 <b>"),
        ("<script>never closed", ""),
        ("", ""),
    ],
)
def test_html_is_read_as_words(markup, expected):
    assert html_to_text(markup) == expected


@pytest.mark.parametrize("piece", ["<", "<a", "<!--", "<p>", "<a <", "&", "<script>", "< a='>"])
def test_hostile_markup_costs_linear_time(piece):
    start = time.process_time()
    html_to_text(piece * (1_000_000 // len(piece)))
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=100)
def test_any_markup_has_a_text(markup):
    html_to_text(markup)


def test_a_reply_quotes_each_line():
    quoted = quote_reply("a\n\n> b\n", intro="Le 2 mars, Dr Petit a écrit :")
    assert quoted == "Le 2 mars, Dr Petit a écrit :\n> a\n>\n>> b\n"
    assert quote_reply(" \n", intro="x") == "x\n"


def test_a_snippet_is_one_short_line_of_own_words():
    assert snippet("> quoted\nBonjour\n\n  Madame") == "Bonjour Madame"
    assert snippet("abc " * 100, length=20) == "abc abc abc abc…"
    assert snippet("x" * 100, length=20) == "x" * 19 + "…"
