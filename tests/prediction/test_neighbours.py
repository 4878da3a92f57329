"""The nearest images. Oracle: scikit-learn's search with the cosine distance."""

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from cnxv2_mm.prediction.neighbours import choose_queries, draw_sheet, nearest


def test_the_nearest_are_scikit_learns():
    features = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    queries = torch.tensor([0, 7, 39])
    cosines, index = nearest(features, queries)
    search = NearestNeighbors(n_neighbors=6, metric="cosine").fit(features.numpy())
    distances, expected = search.kneighbors(features[queries].numpy())
    assert np.array_equal(index.numpy(), expected[:, 1:])  # the first is the image itself
    assert cosines.numpy() == pytest.approx(1 - distances[:, 1:], abs=1e-6)


def test_few_images():
    cosines, index = nearest(torch.eye(3), torch.tensor([1]))
    assert cosines.shape == (1, 2)
    assert set(index[0].tolist()) == {0, 2}


def test_queries_are_spread():
    assert choose_queries(3).tolist() == [0, 1, 2]
    assert choose_queries(71).tolist() == [0, 10, 20, 30, 40, 50, 60, 70]


def test_the_sheet_shows_the_images(tmp_path):
    """Flat colours, whose features are their red: the neighbours of each are those next to it."""
    files = []
    for i in range(12):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(np.full((40, 60, 3), (20 * i, 0, 255 - 20 * i), np.uint8)).save(files[-1])
    angles = torch.linspace(0, 1, 12)
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    sheet = draw_sheet(features, files, "a title")
    pixels = np.asarray(sheet)
    assert sheet.mode == "RGB"
    _, index = nearest(features, choose_queries(12))
    top, left, row, column = 88, 8, 150 + 44 + 8, 150 + 8
    for i, query in enumerate(choose_queries(12).tolist()):
        for j, number in enumerate([query, *index[i].tolist()]):
            middle = pixels[top + i * row + 75, left + j * column + 75]
            assert middle.tolist() == [20 * number, 0, 255 - 20 * number]
    assert (pixels[:40] < 128).any()  # the title


def test_images_of_other_kinds_are_shown(tmp_path):
    import tifffile

    bands = np.random.default_rng(0).integers(1000, 9000, (40, 50, 5)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", bands)
    Image.fromarray(bands[..., 0]).save(tmp_path / "b.png")
    sheet = np.asarray(draw_sheet(torch.eye(2), [tmp_path / "a.tif", tmp_path / "b.png"], ""))
    assert sheet[88:200, 8:150].std() > 20
