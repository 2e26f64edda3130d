"""Documents that try to make the parser fetch, expand or grow are refused; plain ones are read."""

import pytest

from directory.trust.xml import XmlError, compose_xml, parse_xml

LIMIT = 1_000_000

ATTACKS = {
    "document type": b"<!DOCTYPE a><a/>",
    "document type after a comment": b"<!-- x --><!DOCTYPE a []><a/>",
    "external document type": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    "public document type": b'<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:9/x.dtd"><a/>',
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/"> %x;]><a/>',
    "internal entity": b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "entity in an attribute": b'<!DOCTYPE a [<!ENTITY x "y">]><a b="&x;"/>',
    "undeclared entity": b"<a>&x;</a>",
    "laughs": (
        b'<!DOCTYPE a [<!ENTITY a "haha">'
        + b"".join(
            f'<!ENTITY {b} "{f"&{a};" * 20}">'.encode()
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + b"]><a>&i;</a>"
    ),
    "depth": b"<a>" * 5000 + b"</a>" * 5000,
    "other encoding": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    "seven bits": b'<?xml version="1.0" encoding="UTF-7"?><a/>',
    "latin": b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
    "broken UTF-8": b"<a>\xff</a>",
    "not closed": b"<a>",
    "two roots": b"<a/><b/>",
    "text": b"no document",
    "nothing": b"",
    "zero byte": b"<a>\x00</a>",
}


@pytest.mark.parametrize("data", ATTACKS.values(), ids=ATTACKS.keys())
def test_document_with_a_surprise_is_refused(data):
    with pytest.raises(XmlError):
        parse_xml(data, LIMIT)


def test_document_over_the_limit_is_refused_unread():
    with pytest.raises(XmlError):
        parse_xml(b"<a>" + b"x" * 100 + b"</a>", 50)


def test_document_at_the_limit_is_read():
    assert parse_xml(b"<a>xx</a>", 9).text == "xx"


@pytest.mark.parametrize(
    "declaration", [b"", b'<?xml version="1.0"?>', b'<?xml version="1.0" encoding="utf-8"?>']
)
def test_plain_document_comes_back_as_it_was(declaration):
    root = parse_xml(declaration + "<a xmlns='urn:x'><b>é &amp; \n</b></a>".encode(), LIMIT)
    again = parse_xml(compose_xml(root), LIMIT)
    assert again.findtext("{urn:x}b") == "é & \n"
    assert compose_xml(root).startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
