"""Text can be read on its ground: at least 4.5 to 1, as WCAG 2.1 asks for, in the light and in the dark."""

import re

import pytest

from cnxv2_mm.run_report.style import STYLE
from cnxv2_mm.web_page.frame import frame

LIGHT, DARK = "#ffffff", "#0d1117"


def luminance(colour):
    """As WCAG 2.1 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def texts(style):
    return re.findall(r"[{; \n]color: (#[0-9a-f]{6})", style)


def test_contrast():
    whole = frame("", "", STYLE)
    light, dark = whole.split("@media screen and (prefers-color-scheme: dark)")
    dark = dark.split("@media print")[0]
    assert len(texts(light)) >= 5
    assert len(texts(dark)) >= 3
    assert min(contrast(colour, LIGHT) for colour in texts(light)) >= 4.5
    assert min(contrast(colour, DARK) for colour in texts(dark)) >= 4.5


@pytest.mark.parametrize("state", ["state", r"finished \.state", r"stopped \.state", r"stale \.state"])
def test_contrast_of_the_state(state):
    colour = re.search(rf"\.{state} {{[^}}]*background: (#[0-9a-f]{{6}})", STYLE)[1]
    assert contrast("#ffffff", colour) >= 4.5
