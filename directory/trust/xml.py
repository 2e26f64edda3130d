"""The XML parser of this floor: bytes from outside in, a tree without surprises out.

No document type, no entity, no network, no giant tree: what such a document could want is nothing
we need. It knows XML and no vocabulary. The library is imported here only; others take their types
from this file.
"""

from lxml import etree

Element = etree._Element  # noqa: SLF001  (The library publishes its type under no other name.)
LibraryError = etree.LxmlError

PLAIN_ENCODINGS = frozenset({"UTF-8", "ASCII", "US-ASCII"})


class XmlError(Exception):
    """The bytes are no XML document, or one that we refuse to read."""


def parse_xml(data: bytes, max_bytes: int) -> Element:
    """The root of a document of at most ``max_bytes``.

    Guaranteed: well-formed UTF-8 without document type or entity of its own, and within the
    library's own limits of depth and text. Raises ``XmlError`` otherwise; nothing is ever fetched.
    """
    if len(data) > max_bytes:
        raise XmlError("too large")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlError("not well-formed") from error
    docinfo = root.getroottree().docinfo
    if docinfo.internalDTD is not None or docinfo.externalDTD is not None:
        raise XmlError("document type")
    if (docinfo.encoding or "UTF-8").upper() not in PLAIN_ENCODINGS:
        raise XmlError("encoding")
    return root


def compose_xml(root: Element) -> bytes:
    """The document as UTF-8 bytes with its declaration."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
