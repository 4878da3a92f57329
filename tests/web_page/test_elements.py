"""Texts appear as they are, and a picture is the bytes that were given."""

from cnxv2_mm.web_page.elements import figure, table
from tests.web_page.reader import Reader


def test_a_table():
    page = Reader(table(["name", "<value>"], [["a & b", "1"], ["c", "<i>"]], kind="text"))
    assert [text for text in page.texts if text.strip()] == ["name", "<value>", "a & b", "1", "c", "<i>"]
    assert page.tags.count("tr") == 3
    assert ("table", "class", "text") in page.attributes


def test_a_figure():
    page = Reader(figure('"quoted" <b>', "how to <read> it", "svg+xml", b"<svg/>"))
    assert page.pictures() == [("svg+xml", b"<svg/>")]
    assert ("img", "alt", '"quoted" <b>') in page.attributes
    assert "how to <read> it" in page.texts
