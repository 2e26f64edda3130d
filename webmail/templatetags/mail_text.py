"""Text of a letter as markup. The only place that vouches for markup of our own making; it knows no
sanitiser and no row.
"""

from django import template
from django.utils.safestring import SafeString, mark_safe

from webmail.mime.sanitize import text_as_html

register = template.Library()


@register.filter
def as_paragraphs(text: str) -> SafeString:
    """Plain text, escaped by ``text_as_html``, with its paragraphs and web addresses."""
    return mark_safe(text_as_html(text))  # noqa: S308  (Every character of the text is escaped there.)
