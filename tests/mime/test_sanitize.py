"""The sanitiser: what stays, what never does, the same output when sanitised again, and in time."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings, strategies as st

from tests.mime.letters import corpus
from webmail.mime import sanitize
from webmail.mime.parse import parse_message
from webmail.mime.sanitize import sanitize_html, sanitize_message, text_as_html

ELEMENTS = (
    frozenset(["a", "abbr", "address", "b", "big", "blockquote", "br", "caption", "center"])
    | {"code", "col", "colgroup", "dd", "del", "div", "dl", "dt", "em"}
    | {"font", "h1", "h2", "h3", "hr", "i", "img", "ins", "li"}
    | {"ol", "p", "pre", "q", "s", "small", "span", "strike", "strong"}
    | {"sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
    | {"tt", "u", "ul"}
)
ATTRIBUTES = (
    frozenset(
        ["align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "color", "colspan"]
    )
    | {"dir", "face", "height", "href", "lang", "rel", "rowspan", "size"}
    | {"src", "start", "style", "target", "title", "type", "valign", "value"}
    | {"width"}
)


class Inspector(HTMLParser):
    """A second parser, written by others, that judges what the first one let through."""

    def handle_starttag(self, tag, attrs):
        assert tag in ELEMENTS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            if name == "href":
                assert re.match(r"(?i)(https?://|mailto:)", value), value
            if name == "src":
                assert re.fullmatch(r"data:image/(png|jpeg|gif|webp);base64,[\w+/=]*", value)
            if name == "style":
                assert not re.search(r"(?i)url|position|expression|import|[\\@]", value), value

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def check_inert(markup: str) -> None:
    Inspector().feed(markup)
    assert sanitize_html(markup).html == markup


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>Bonjour <b>gras</b> &eacute; &amp; co</p>", None),
        ('<table border="1"><tbody><tr><td colspan="2">a</td></tr></tbody></table>', None),
        ('<font color="red" size="2" face="Arial">a</font>', None),
        ('<p style="color:red">a</p>', '<p style="color: red;">a</p>'),
        ("<html><head><title>t</title></head><body bgcolor=red>a</body></html>", "a"),
        ("a<!-- x -->b<![if !mso]>c<![endif]>", "abc"),
        ("<o:p>a</o:p>", "a"),
        ("<p class=x id=y name=z onclick=w>a</p>", "<p>a</p>"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("&amp;lt;b&amp;gt;", None),
        ("<pre>\n\n\na</pre>", "<pre>a</pre>"),
        ("<pre><b>a</b></pre>", None),
        ("<a title='x\"y'>a</a>", '<a title="x&quot;y">a</a>'),
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ('<b style="width: 1px;">a</b><b style="width: 1px;">b</b>', None),
        ("", ""),
    ],
)
def test_ordinary_markup_stays(markup, expected):
    shown = sanitize_html(markup)
    assert shown.html == (markup if expected is None else expected)
    assert (shown.blocked_images, shown.refused) == (0, "")
    check_inert(shown.html)


@pytest.mark.parametrize(
    "name",
    [
        *["script", "style", "title", "textarea", "template", "noscript", "iframe", "object"],
        *["svg", "math", "select", "video", "audio", "canvas", "button"],
    ],
)
def test_dangerous_elements_go_with_their_content(name):
    assert sanitize_html(f"a<{name}>secret</{name}>b").html == "ab"


PAYLOADS = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '<svg><use href="data:image/svg+xml ;base64,PHN2Zz4="/></svg>',
    '<svg><animate attributeName="href " values="javascript:alert(1)"/></svg>',
    '<svg><set attributeName="style" to="x"/></svg>',
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    (
        "<math><mtext><table><mglyph><style><!--</style>"
        "<img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>"
    ),
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href='&#106;avascript:alert(1)'>a</a>",
    "<a href='&#1;javascript:alert(1)'>a</a>",
    "<a href='java\tscript:alert(1)'>a</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>a</a>",
    "<a href='//x.example/a' ping='https://x.example'>a</a>",
    "<a href='https://x.example/\"onclick=alert(1)'>a</a>",
    "<body background='https://x.example/a' onload=alert(1)>",
    "<table background='https://x.example/a'><td background='https://x.example/b'>a",
    "<img lowsrc='https://x.example/a' dynsrc='https://x.example/b' longdesc='https://x.example/c'>",
    "<img srcset='https://x.example/a 2x' alt=a>",
    "<picture><source srcset='https://x.example/a'><img alt=a></picture>",
    "<video poster='https://x.example/a'></video>",
    "<link rel=stylesheet href='https://x.example/a'>",
    "<link rel=dns-prefetch href='//x.example'>",
    "<meta http-equiv=refresh content='0;url=https://x.example'>",
    "<base href='https://x.example/'>",
    "<style>@import 'https://x.example/a';</style>",
    "<div style='background:url(https://x.example/a)'>a</div>",
    r"<div style='background:\75rl(https://x.example/a)'>a</div>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%'>a</div>",
    "<div style='margin-top:-500px !important'>a</div>",
    "<object data='https://x.example/a'></object><embed src='https://x.example/b'>",
    "<form action='https://x.example'><input type=image src='https://x.example/a'></form>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<plaintext><script>alert(1)</script>",
    "<xmp><script>alert(1)</script></xmp>",
    "<listing>&lt;img src=1 onerror=alert(1)&gt;</listing>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<p title='<script>alert(1)</script>'>a</p>",
    "<table><a href=x><table><a href=y>b</a></table></a></table>",
    "<a><b></a><p></b></p><i><table><td></i>",
    "<p id=body class=modal name=createElement>a</p>",
    "<frameset><frame src='javascript:alert(1)'></frameset>",
    "<select><option><script>alert(1)</script></select>",
    "<isindex type=image src=1 onerror=alert(1)>",
    "<img src='cid:unknown'>",
    "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<img/src=x\x00onerror=alert(1)>",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_survives(payload):
    shown = sanitize_html(f"<p>avant</p>{payload}<p>après</p>")
    assert shown.refused in {"", "unstable"}
    check_inert(shown.html)


@given(
    st.lists(
        st.sampled_from(PAYLOADS)
        | st.sampled_from(
            ["<table>", "<p>", "<a>", "</a>", "<b>", "</p>", "<td>", "<pre>", "\n", "&lt"]
        )
        | st.sampled_from(
            ["<svg>", "<math>", "</svg>", "<li>", "<ul>", "<font>", "</table>", "&#60;"]
        )
        | st.text(max_size=15),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=250)
def test_any_mixture_is_inert_and_stable(pieces):
    check_inert(sanitize_html("".join(pieces)).html)


def test_links_open_elsewhere_and_tell_nothing():
    shown = sanitize_html('<a target="_top" href=" https://x.example/?a=1&amp;b=2 ">a</a>')
    assert shown.html == (
        '<a href="https://x.example/?a=1&amp;b=2" rel="noopener noreferrer nofollow"'
        ' target="_blank">a</a>'
    )
    check_inert(shown.html)


def test_remote_pictures_are_dropped_and_counted():
    shown = sanitize_html('<img src="https://x.example/p.gif"><img src="//x/y" alt="Logo">')
    assert (shown.html, shown.blocked_images) == ('<img alt="Logo">', 2)


def test_pictures_of_the_letter_are_put_in_place():
    shown = sanitize_message(parse_message(corpus("inline-picture")))
    assert '<img src="data:image/png;base64,iVBOR' in shown.html
    assert 'alt="logo"' in shown.html
    assert shown.blocked_images == 1
    check_inert(shown.html)


def test_a_reference_may_be_written_with_escapes():
    pictures = {"a+b@x": ("image/png", b"x"), "c@x": ("image/svg+xml", b"<svg>")}
    assert "data:" in sanitize_html('<img src="CID:a%2Bb@x">', pictures).html
    assert "data:" in sanitize_html('<img src="cid:a+b@x">', pictures).html
    assert sanitize_html('<img src="cid:c@x">', pictures).html == ""


def test_one_picture_shown_often_does_not_swell_the_page(monkeypatch):
    monkeypatch.setattr(sanitize, "MAX_PICTURE_CHARS", 100)
    shown = sanitize_html('<img src="cid:a" alt="a">' * 9, {"a": ("image/png", b"x" * 30)})
    assert shown.html.count("data:") == 1
    assert shown.html.count("<img") == 9


def test_pictures_of_the_sender_in_the_page_stay():
    picture = "data:image/png;base64,iVBO\r\n Rw=="
    assert (
        sanitize_html(f'<img src="{picture}">').html == '<img src="data:image/png;base64,iVBORw==">'
    )


@pytest.mark.parametrize(
    ("markup", "slug"),
    [
        ("a" * 2_000_001, "too-large"),
        ("<div>" * 10_000, "too-deep"),
        ("<b a=1><b a=2>" * 300, "too-deep"),
        ("<a " + " ".join(f"a{number}" for number in range(50_000)) + ">", "too-many-attributes"),
        ("<a" * 500_000, "too-long-name"),
        ("<a " + "b" * 500_000, "too-long-name"),
    ],
)
def test_markup_past_the_limits_is_refused_at_once(markup, slug):
    start = time.process_time()
    shown = sanitize_html(markup)
    assert (shown.html, shown.refused) == ("", slug)
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@pytest.mark.parametrize(
    "markup",
    [
        "<b></b>" * 200_000,
        "<" * 1_000_000,
        "&" * 1_000_000,
        "<!--" * 400_000,
        f'<a title="{"&quot;" * 200_000}">',
        f"<a title='{'&' * 200_000}'>",
        f"<a title={'&' * 200_000}>",
        "<p style=color:red>" * 100_000,
    ],
)
def test_slow_markup_is_given_up_in_time(markup, monkeypatch):
    monkeypatch.setattr(sanitize, "MAX_SECONDS", 0.3)
    start = time.process_time()
    assert sanitize_html(markup).refused in {"too-slow", ""}
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


def test_slow_filtering_is_given_up_too(monkeypatch):
    moments = iter([0.0] * 12 + [100.0] * 100)
    monkeypatch.setattr("webmail.mime.sanitize.time.monotonic", lambda: next(moments))
    assert sanitize_html("<p>a</p>").refused == "too-slow"


def test_markup_that_never_settles_is_refused(monkeypatch):
    monkeypatch.setattr(sanitize, "MAX_PASSES", 0)
    assert sanitize_html("<p>a").refused == "unstable"


def test_two_hundred_levels_are_fast():
    start = time.process_time()
    markup = ("<div>" * 190 + "x" + "</div>" * 190) * 50
    assert sanitize_html(markup).html == markup
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n\n \nc", "<p>a<br>b</p><p>c</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_plain_text_is_never_markup(text, expected):
    assert text_as_html(text) == expected


def test_web_addresses_become_links_without_their_full_stop():
    shown = text_as_html("Voir https://x.example/a?b=1&c='2'. (http://y.example/)")
    assert 'href="https://x.example/a?b=1&amp;c="' in shown
    assert ">http://y.example/</a>)</p>" in shown
    Inspector().feed(shown)


@pytest.mark.parametrize(
    "text",
    [
        '[1] <https://x.example/"onmouseover=alert(1)>',
        "https://x.example/'onmouseover='alert(1)",
        "javascript:alert(1)",
        "http://<script>alert(1)</script>",
        "[<b>](https://x.example)",
        "https://https://x.example",
    ],
)
def test_link_references_in_plain_text_carry_no_script(text):
    shown = text_as_html(text)
    Inspector().feed(shown)
    assert "<script" not in shown
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', "", shown))


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["http://", "<", '"', "'", "a", "\n"])).map("".join)
)
@settings(deadline=None, max_examples=200)
def test_any_text_is_inert(text):
    Inspector().feed(text_as_html(text))


def test_hostile_text_costs_linear_time():
    start = time.process_time()
    text_as_html("http://a" * 200_000)
    text_as_html("\n " * 500_000)
    text_as_html("http://" + "." * 1_000_000)
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.
