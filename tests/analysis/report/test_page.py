"""The page is whole HTML, needs nothing from outside, and shows every table and plot."""

import base64
from html.parser import HTMLParser

from cnxv2_mm.analysis.report.page import describe, write_page
from cnxv2_mm.analysis.report.plots import Plot
from cnxv2_mm.analysis.report.results import summary

VOID = {"meta", "img"}
PLOTS = [Plot("a.svg", "Title & more", "How to <read> it", b"<svg/>"), Plot("b.png", "Second", "Caption", b"png")]


class Reader(HTMLParser):
    """Collects what a browser would: fails on tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page(results, images):
    text = write_page(results, images, 64, PLOTS)
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert "http" not in text.replace("http-equiv", "")
    assert not [a for a in reader.attributes if a[1] in ("href", "srcset", "action", "data")]
    sources = [value for _, name, value in reader.attributes if name == "src"]
    assert [base64.b64decode(source.partition("base64,")[2]) for source in sources] == [b"<svg/>", b"png"]
    assert [source[:20] for source in sources] == ["data:image/svg+xml;b", "data:image/png;base6"]
    columns, rows = summary(results)
    escaped = ("V1 <$x$>", "Title & more", "How to <read> it")
    for cell in (*columns, *rows[0], *rows[1], *escaped, results[0].source.checkpoint):
        assert cell in reader.texts, cell
    assert text.index("<table") < text.index("<img")
    notes = {text for text in reader.texts if text in ("distance 1 ... 4", "k-NN, probe", "loss, patch mean")}
    assert len(notes) == 3
    assert "<b>loss" not in write_page(results[:1], images, 64, PLOTS)  # no such column
    assert "url(" not in text
    assert "@import" not in text


def test_the_sentence_about_the_images(images):
    sentence = describe(images, 64)
    assert "11 of 11 images" in sentence
    assert "2 classes of 5 to 6 images; 2 images are held out" in sentence
    assert "54.5 %" in sentence  # 6 of 11
