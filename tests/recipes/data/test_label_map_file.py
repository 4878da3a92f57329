"""Label maps as mmseg's own transform reads them."""

import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from cnxv2_mm.recipes.data.label_map_file import UnusableLabels, read_label_map
from tests.recipes.data.folders import write_labels


def by_mmseg(file):
    results = {"seg_map_path": str(file), "reduce_zero_label": False, "seg_fields": []}
    return LoadAnnotations().transform(results)["gt_seg_map"]


def palette_map(path):
    image = Image.fromarray(np.resize(np.arange(7, dtype=np.uint8), (30, 40)), mode="P")
    image.putpalette([value for i in range(256) for value in (255 - i, i, 0)])
    image.save(path)
    return path


@pytest.mark.parametrize("kind", ["bytes", "palette", "sixteen bits", "black and white"])
def test_counts_are_those_of_mmseg(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind == "palette":
        palette_map(path)
    elif kind == "black and white":
        Image.fromarray(np.eye(30, 40) > 0).save(path)
    else:
        write_labels(path, 0, 3, 255, 150, mode=np.uint16 if kind == "sixteen bits" else None)
    found = read_label_map(path)
    labels = by_mmseg(path)
    assert (found.height, found.width) == labels.shape
    np.testing.assert_array_equal(found.counts, [(labels == value).sum() for value in range(256)])


def test_colours_are_refused(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    with pytest.raises(UnusableLabels, match=r"holds colours \(6, 8, 3\), not numbers: write one class number a pixel"):
        read_label_map(tmp_path / "a.png")


def test_numbers_that_a_byte_cannot_hold(tmp_path):
    write_labels(tmp_path / "a.png", 0, 256, mode=np.uint16)
    with pytest.raises(UnusableLabels, match="holds labels from 0 to 256: mmseg reads 0 to 255 alone"):
        read_label_map(tmp_path / "a.png")
    Image.fromarray(np.full((6, 8), 1.5, np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(UnusableLabels, match="numbers of type float32"):
        read_label_map(tmp_path / "b.tif")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        read_label_map(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(OSError, match="cannot identify"):
        read_label_map(tmp_path / "b.png")
    with pytest.raises(FileNotFoundError):
        read_label_map(tmp_path / "c.png")
