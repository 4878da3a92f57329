"""Tables and figures of a page."""

import base64
from collections.abc import Sequence
from html import escape


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "numbers") -> str:
    """Return a table, which scrolls by itself where the page is narrow.

    Args:
        columns: The names of the columns, as plain text.
        rows: The cells, as plain text.
        kind: "numbers", or "text" for cells that may take several lines.
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    whole = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return f'<div class="wide"><table class="{kind}">\n{whole}\n</table></div>'


def figure(title: str, caption: str, kind: str, data: bytes) -> str:
    """Return a picture with a caption.

    Args:
        title: What is said in the picture's place where it cannot be seen, as plain text.
        caption: What stands below it, as plain text.
        kind: "svg+xml", "png" or "jpeg".
        data: The bytes of the picture's file.
    """
    content = base64.b64encode(data).decode()
    return (
        f'<figure><img alt="{escape(title)}" '
        f'src="data:image/{kind};base64,{content}">\n<figcaption>{escape(caption)}</figcaption></figure>'
    )
