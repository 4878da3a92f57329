"""A whole page around its body, and the style that our pages share."""

from html import escape

_STYLE = """
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 66rem; padding: 0 1rem; color: #1f2328; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #d0d7de; padding-bottom: .3rem; }
p, figcaption { max-width: 50rem; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: #57606a; font-size: .9rem; margin-top: .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .55rem; border-bottom: 1px solid #d8dee4; text-align: right; }
th { vertical-align: bottom; font-weight: 600; background: #f6f8fa; }
td { white-space: nowrap; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
th:first-child, td:first-child, .text th, .text td { text-align: left; }
.text td { white-space: normal; overflow-wrap: break-word; }
summary { cursor: pointer; margin-top: 2.5rem; font-weight: 600; }
code { font-size: .85rem; overflow-wrap: anywhere; }
"""


def frame(title: str, body: str, style: str = "", head: str = "") -> str:
    """Return a page.

    Args:
        title: What the browser calls it, as plain text.
        body: HTML.
        style: CSS of this page alone, which follows the common one.
        head: HTML for the head of the page, whole lines.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head}<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )
