"""The files are of their kind, hold what was drawn, and are the same each time."""

import io
import xml.etree.ElementTree as ET

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cnxv2_mm.web_page.plot_file import png, svg


def drawing():
    figure = Figure(figsize=(2, 1), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(np.full((1, 2, 3), (0.2, 0.4, 0.6)), aspect="auto")
    axes.text(0, 0, "text")
    return figure


def test_svg():
    data = svg(drawing())
    root = ET.fromstring(data)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["viewBox"] == "0 0 144 72"  # points: 72 an inch
    assert not list(root.iter("{http://www.w3.org/2000/svg}text"))  # outlines, no font
    assert data == svg(drawing())


def test_png():
    picture = Image.open(io.BytesIO(png(drawing())))
    assert picture.size == (200, 100)
    assert picture.convert("RGB").getpixel((199, 99)) == (51, 102, 153)
