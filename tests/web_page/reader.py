"""Reads a page as a browser would."""

import base64
from html.parser import HTMLParser

_VOID = {"meta", "img", "br", "hr", "input", "link"}


class Reader(HTMLParser):
    """Collects tags, attributes and texts; fails on tags that do not match."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.attributes, self.texts, self.tags = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        """What can be read on the page, all white space as one blank."""
        return " ".join(" ".join(self.texts).split())

    def pictures(self):
        """The files of the pictures: (kind, bytes), all inside of the page."""
        sources = [value for tag, name, value in self.attributes if (tag, name) == ("img", "src")]
        assert all(source.startswith("data:image/") for source in sources)
        parts = [source.removeprefix("data:image/").split(";base64,") for source in sources]
        return [(kind, base64.b64decode(data, validate=True)) for kind, data in parts]
