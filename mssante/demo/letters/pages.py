"""The HTML other makers' software sends: a laboratory's results, a report with measures, a notice.

Words in, the body of a page out. Styles are inline, as mail has them; nothing here knows a letter.
"""

from collections.abc import Sequence
from html import escape

LOGO = "logo"  # The Content-ID of the sender's sign, joined by whoever writes the letter.

_CELL = "border:1px solid #c9cfd1;padding:4px 12px;text-align:left"


def table_html(rows: Sequence[Sequence[str]], *, marked: str = "") -> str:
    """A table whose first row holds the headings; the row that begins with ``marked`` is bold."""
    head, *body = rows
    lines = "".join(
        _row(row, "td", "font-weight:bold;color:#a3230b" if row[0] == marked else "")
        for row in body
    )
    return (
        f'<table style="border-collapse:collapse"><thead>{_row(head, "th", "")}</thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def _row(cells: Sequence[str], tag: str, style: str) -> str:
    inner = "".join(f'<{tag} style="{_CELL};{style}">{escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{inner}</tr>"


def page_html(*, title: str, paragraphs: Sequence[str], table: str = "", end: str = "") -> str:
    words = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return (
        f'<div style="font-family:Arial,sans-serif;font-size:15px;color:#1d2b31">'
        f'<p><img src="cid:{LOGO}" alt="" width="64" height="24"></p>'
        f'<h2 style="font-size:18px">{escape(title)}</h2>{words}{table}'
        f'<p style="color:#55636a">{escape(end)}</p></div>'
    )
