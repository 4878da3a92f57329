"""Each plot has a curve for each checkpoint, and the curves are the numbers."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cnxv2_mm.analysis.report import plots
from cnxv2_mm.analysis.report.images import read_pixels


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved, in order."""
    saved = []
    for save in ("svg", "png"):
        original = getattr(plots, save)
        monkeypatch.setattr(plots, save, lambda figure, original=original: (saved.append(figure), original(figure))[1])
    return saved


def curves(axes):
    return [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) > 2]


def test_two_checkpoints_give_two_curves(results, images, figures):
    drawn = plots.draw_all(results, read_pixels(images.files[0], 64, 3))
    names = [plot.name for plot in drawn]
    assert names[:3] == ["distance.svg", "channel_maps.png", "activity.svg"]
    assert names[3:] == ["selectivity.svg", "spectrum.svg", "reconstructions.png"]
    distance, maps, activity, selectivity, spectrum, reconstructions = figures

    for curve, result in zip(curves(distance.axes[0]), results, strict=True):
        assert list(curve) == [layer.cosine_distance for layer in result.layers]
    assert [text.get_text() for text in distance.legends[0].get_texts()] == [r"V1 <\$x\$>", "V2"]
    for axes, name in zip(activity.axes, ("dead", "saturated"), strict=True):
        for curve, result in zip(curves(axes), results, strict=True):
            assert list(curve) == [100 * getattr(layer.activity, name) for layer in result.layers]
    for curve, result in zip(curves(spectrum.axes[0]), results, strict=True):
        assert list(curve) == list(result.singular_values / result.singular_values[0])
    assert len(selectivity.axes) == 4
    assert len(maps.axes) == 2 * 5  # the image and four stages, twice
    assert len(reconstructions.axes) == 4 * 3  # only V2 has a decoder

    for plot in drawn:
        assert len(plot.caption) > 100
        if plot.name.endswith(".png"):
            assert Image.open(io.BytesIO(plot.data)).width > 500
        else:
            assert b"</svg>" in plot.data


def test_networks_of_other_depths_share_the_axis(results):
    axes = Figure().subplots()
    values = [[0.1, 0.2, 0.3], [0.3] * 5]
    shallow = type(results[0])(**{**vars(results[0]), "layers": results[0].layers[:3]})
    plots._draw_by_layer(axes, [shallow, results[1]], values)
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[0, 0.5, 1], [0, 0.25, 0.5, 0.75, 1]]


def test_a_mosaic_keeps_each_map_whole():
    maps = np.arange(5 * 20 * 30, dtype=np.float32).reshape(5, 20, 30)
    sheet = plots._mosaic(maps)
    assert sheet.shape == (2 * 20 + 1, 3 * 30 + 2)
    assert np.array_equal(sheet[21:, 31:61], maps[4])
    assert np.isnan(sheet[20]).all()
    assert np.isnan(sheet[21:, 62:]).all()  # no sixth map
    small = plots._mosaic(maps[:4, :2, :4])
    assert small.shape == (2 * 16 + 2, 2 * 32 + 2)
    assert np.array_equal(small[18::8, 34::8], maps[3, :2, :4])
