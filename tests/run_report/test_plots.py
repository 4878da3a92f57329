"""Drawings show each curve of a chart, in the colours of its legend."""

import xml.etree.ElementTree as ET

import matplotlib.figure
import pytest

from cnxv2_mm.run_report.charts import Chart, Curve
from cnxv2_mm.run_report.plots import draw

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def figures(monkeypatch):
    made = []
    original = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure,
        "savefig",
        lambda self, *args, **kwargs: (made.append(self), original(self, *args, **kwargs)),
    )
    draw.cache_clear()
    return made


def test_a_chart(figures):
    curves = (
        Curve("", (1, 2, 3), (3, 2, 1), "faint"),
        Curve("smooth $x$", (1, 2, 3), (3, 2, 1)),
        Curve("_other", (1, 3), (9, 8), "points"),
    )
    data = draw(Chart(curves, (("limit", 5.0),), logarithmic=True))
    assert ET.fromstring(data).tag == f"{SVG}svg"
    (figure,) = figures
    (axes,) = figure.axes
    lines = axes.get_lines()
    assert [list(line.get_ydata()) for line in lines] == [[3, 2, 1], [3, 2, 1], [9, 8], [5, 5]]
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [r"smooth \$x\$", "_other"]
    assert [handle.get_color() for handle in legend.legend_handles] == [lines[1].get_color(), lines[2].get_color()]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["limit"]


def test_the_same_chart_is_drawn_once(figures):
    charts = [Chart((Curve("", (1, 2), (value, 2)),)) for value in (1, 1, 3)]
    first, again, other = map(draw, charts)
    assert first is again
    assert first != other
    assert len(figures) == 2
    assert not figures[0].legends


def test_many_names_stand_beside_the_chart(figures):
    draw(Chart(tuple(Curve(f"loss_{i}", (1,), (i,)) for i in range(12))))
    assert len(figures[0].legends[0].get_texts()) == 12
