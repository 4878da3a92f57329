"""A page is whole, and shows its title as it is written."""

from cnxv2_mm.web_page.frame import frame
from tests.web_page.reader import Reader


def test_a_page():
    text = frame("A <b> & more", "<p>body</p>", "p { color: red }", '<meta http-equiv="refresh" content="3">\n')
    page = Reader(text)
    assert text.startswith("<!DOCTYPE html>\n")
    assert page.tags == ["html", "head", "meta", "meta", "meta", "title", "style", "body", "p"]
    assert {"A <b> & more", "body"} < set(page.texts)
    assert text.index("p { color: red }") > text.index("figcaption {")  # a page's own style has the last word
    assert ("meta", "content", "3") in page.attributes
