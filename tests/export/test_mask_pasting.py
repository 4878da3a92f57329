"""Masks in the pixels of a picture, as mmdet pastes them on a CPU."""

import pytest
import torch
from mmdet.models.roi_heads.mask_heads.fcn_mask_head import _do_paste_mask
from torch import Tensor

from cnxv2_mm.export.mask_pasting import paste

HEIGHT, WIDTH = 90, 130
BOXES = {
    "inside": [20.3, 11.8, 77.1, 60.0],
    "whole": [0.0, 0.0, WIDTH, HEIGHT],
    "at the border": [0.0, 40.5, 33.3, HEIGHT],
    "smaller than a pixel": [50.2, 30.1, 50.8, 30.7],
    "without a width": [WIDTH, 10.0, WIDTH, 50.0],
    "without an area": [0.0, 0.0, 0.0, 0.0],
}


def as_mmdet(masks: Tensor, boxes: Tensor) -> Tensor:
    """What mmdet computes on a CPU, box by box."""
    whole = torch.zeros(len(boxes), HEIGHT, WIDTH)
    for number, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        part, where = _do_paste_mask(mask[None, None], box[None], HEIGHT, WIDTH, skip_empty=True)
        whole[number][where] = part[0]
    return whole


@pytest.mark.parametrize("shape", [(28, 28), (14, 20)])
def test_masks_are_pasted_as_mmdet_pastes_them(shape):
    masks = torch.rand(len(BOXES), *shape)
    boxes = torch.tensor(list(BOXES.values()))
    expected = as_mmdet(masks, boxes)
    assert expected.flatten(1).amax(dim=1).min() > 0  # each of them has pixels
    torch.testing.assert_close(paste(masks, boxes, (HEIGHT, WIDTH)), expected, atol=1e-5, rtol=0)


def test_there_may_be_no_masks():
    assert paste(torch.rand(0, 28, 28), torch.rand(0, 4), (HEIGHT, WIDTH)).shape == (0, HEIGHT, WIDTH)
