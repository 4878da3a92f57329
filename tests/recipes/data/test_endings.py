"""Every ending stands for a format that the libraries' own readers read."""

import mmcv
import numpy as np
import pytest
from PIL import Image

from cnxv2_mm.recipes.data.endings import IMAGE_ENDINGS, LABEL_MAP_ENDINGS


@pytest.mark.parametrize("ending", IMAGE_ENDINGS)
def test_opencv_reads_images_of_this_ending(tmp_path, ending):
    Image.new("L" if ending == ".pgm" else "RGB", (40, 30), 99).save(tmp_path / f"a{ending}")
    assert mmcv.imread(str(tmp_path / f"a{ending}")).shape == (30, 40, 3)


@pytest.mark.parametrize("ending", LABEL_MAP_ENDINGS)
def test_label_maps_of_this_ending_keep_their_numbers(tmp_path, ending):
    labels = np.arange(0, 40 * 30).reshape(30, 40).astype(np.uint8) % 151
    Image.fromarray(labels).save(tmp_path / f"a{ending}")
    content = (tmp_path / f"a{ending}").read_bytes()
    read = mmcv.imfrombytes(content, flag="unchanged", backend="pillow")  # as mmseg's LoadAnnotations
    np.testing.assert_array_equal(read, labels)
