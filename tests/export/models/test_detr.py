"""DETR, Conditional DETR and DAB-DETR: mmdet's own detections are the oracle."""

import pytest
import torch
from mmdet.models.dense_heads import DETRHead
from mmdet.models.detectors import DETR as MmdetDETR
from torch.nn import functional as F

from cnxv2_mm.export.models.detr import DETR, cell_masks
from tests.export.models import small_transformers as small
from tests.export.models.contract import check_targets

NAMES = [small.DETR, small.CONDITIONAL, small.DAB]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("divisor", [1, 32])
def test_detections_are_those_of_mmdet(name, divisor):
    model = small.whole(small.transformer(name, divisor=divisor), DETR)
    for shape in ((203, 300), (192, 256), (97, 130)):
        small.assert_same_as_mmdet(model, small.photograph(*shape))


def test_targets_of_pictures_of_any_size(tmp_path):
    model = small.whole(small.transformer(small.DETR, divisor=32), DETR)
    images = [small.photograph(*shape) for shape in ((203, 300), (192, 256), (97, 130))]
    check_targets(model, images, tmp_path, dynamic=True)


@pytest.mark.parametrize("name", [small.CONDITIONAL, small.DAB])
def test_targets_of_pictures_of_one_size(name, tmp_path):
    model = small.whole(small.transformer(name, divisor=32), DETR)
    check_targets(model, [small.photograph(150, 200)], tmp_path, dynamic=False)


def test_cells_beyond_the_picture_are_those_of_mmdet():
    images = torch.zeros(1, 3, 160, 224)
    maps = [torch.zeros(1, 1, *shape) for shape in ((20, 28), (10, 14), (5, 7), (3, 4))]
    for size in ((160, 224), (129, 193), (150, 224), (107, 150), (1, 1)):
        whole = images.new_ones(1, 1, 160, 224)
        whole[..., : size[0], : size[1]] = 0
        for mask, features in zip(cell_masks(maps, images, size), maps, strict=True):
            assert torch.equal(mask, F.interpolate(whole, size=features.shape[-2:])[0].bool())


class OwnInputs(MmdetDETR):
    def pre_transformer(self, *args, **kwargs):
        return super().pre_transformer(*args, **kwargs)


class OwnDetections(DETRHead):
    def predict(self, *args, **kwargs):
        return super().predict(*args, **kwargs)


def test_a_model_with_methods_of_its_own_is_refused():
    detector = small.transformer(small.DETR)
    detector.__class__ = OwnInputs
    with pytest.raises(ValueError, match="OwnInputs cannot be exported: its pre_transformer is not that of DETR"):
        DETR(detector)
    detector.__class__ = MmdetDETR
    detector.bbox_head.__class__ = OwnDetections
    with pytest.raises(ValueError, match="OwnDetections cannot be exported: its predict is not that of DETRHead"):
        DETR(detector)
