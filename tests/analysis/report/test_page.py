"""The page is whole HTML, needs nothing from outside, and shows every table and plot."""

from cnxv2_mm.analysis.report.page import describe, write_page
from cnxv2_mm.analysis.report.plots import Plot
from cnxv2_mm.analysis.report.results import summary
from tests.web_page.reader import Reader

PLOTS = [Plot("a.svg", "Title & more", "How to <read> it", b"<svg/>"), Plot("b.png", "Second", "Caption", b"png")]


def test_the_page(results, images):
    text = write_page(results, images, 64, PLOTS)
    reader = Reader(text)
    assert "http" not in text.replace("http-equiv", "")
    assert not [a for a in reader.attributes if a[1] in ("href", "srcset", "action", "data")]
    assert reader.pictures() == [("svg+xml", b"<svg/>"), ("png", b"png")]
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
