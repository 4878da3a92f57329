"""Masks in their forms. Oracle: pycocotools."""

import numpy as np
import torch
from mmdet.structures.mask import BitmapMasks
from pycocotools import mask as coco_mask

from cnxv2_mm.prediction.masks import as_array, as_code, each_mask

MASK = np.random.default_rng(0).random((30, 40)) > 0.5


def test_every_form_is_the_same_mask():
    code = coco_mask.encode(np.asfortranarray(MASK, dtype=np.uint8))
    stack = torch.from_numpy(MASK)[None]
    bitmaps = BitmapMasks(MASK[None].astype(np.uint8), 30, 40)
    for masks in (stack, MASK[None], bitmaps, [code]):
        (one,) = each_mask(masks)
        assert np.array_equal(as_array(one), MASK)
        assert as_array(one).dtype == bool
        assert as_code(one) == code
