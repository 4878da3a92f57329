"""Deformable DETR in its variants, and DINO: mmdet's own detections are the oracle."""

import numpy as np
import pytest
import torch
from mmdet.models.dense_heads import DINOHead
from mmdet.models.detectors import DINO as MmdetDINO

from cnxv2_mm.export.differences import differences
from cnxv2_mm.export.models.deformable_detr import DeformableDETR
from tests.export.models import small_transformers as small
from tests.export.models.contract import check_targets

NAMES = [small.PLAIN, small.REFINED, small.TWO_STAGE, small.DINO]
SHAPES = [(203, 300), (192, 256), (150, 270)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("divisor", [1, 32])
def test_detections_are_those_of_mmdet(name, divisor):
    model = small.whole(small.transformer(name, divisor=divisor), DeformableDETR)
    for shape in SHAPES:
        small.assert_same_as_mmdet(model, small.photograph(*shape))


def test_targets_of_pictures_of_any_size(tmp_path):
    model = small.whole(small.transformer(small.DINO), DeformableDETR)
    check_targets(model, [small.photograph(*shape) for shape in SHAPES], tmp_path, dynamic=True)


@pytest.mark.parametrize(("name", "fp16"), [(small.TWO_STAGE, False), (small.REFINED, True)])
def test_targets_of_pictures_of_one_size(name, fp16, tmp_path):
    model = small.whole(small.transformer(name, divisor=32), DeformableDETR, fp16=fp16)
    check_targets(model, [small.photograph(150, 200)], tmp_path, dynamic=False)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_half_precision_is_near_and_keeps_coordinates_in_single(name):
    detector = small.transformer(name, divisor=32)
    model, image = small.whole(detector, DeformableDETR, fp16=True), small.photograph(203, 300)
    expected = [value.numpy() for value in model.reference(image)]
    types = {}
    for place, layer in (
        ("encoder", detector.encoder.layers[0].self_attn.sampling_offsets),
        ("decoder", detector.decoder.layers[0].cross_attn.sampling_offsets),
        ("head", detector.bbox_head.reg_branches[1][-1]),
    ):
        layer.register_forward_hook(lambda module, inputs, output, place=place: types.update({place: output.dtype}))
    found = [value.numpy() for value in model(image)]
    assert types == {"encoder": torch.float16, "decoder": torch.float32, "head": torch.float32}
    for difference in differences("detector", model.model.outputs, expected, found, fp16=True):
        assert difference.is_within, str(difference)


@torch.no_grad()
def test_the_detector_and_torch_stay_as_they_were():
    detector = small.transformer(small.DINO)
    image = small.photograph(150, 200)
    attributes = [sorted(vars(module)) for module in detector.modules()]
    methods = [vars(kind).copy() for kind in type(detector).__mro__]
    model = small.whole(detector, DeformableDETR)
    expected = model.reference(image)
    torch.export.export(model, (image,), strict=False)
    assert [sorted(vars(module)) for module in detector.modules()] == attributes
    assert [vars(kind).copy() for kind in type(detector).__mro__] == methods
    assert all(torch.equal(one, other) for one, other in zip(model.reference(image), expected, strict=True))
    with pytest.raises(TypeError, match="ndarray"):
        torch.stack([np.zeros(2), np.zeros(2)])


class OwnQueries(MmdetDINO):
    def forward_transformer(self, *args, **kwargs):
        return super().forward_transformer(*args, **kwargs)


class OwnHead(DINOHead):
    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs)


def test_a_model_with_methods_of_its_own_is_refused():
    detector = small.transformer(small.DINO)
    detector.__class__ = OwnQueries
    with pytest.raises(ValueError, match="OwnQueries cannot be exported: its forward_transformer is not that of DINO"):
        DeformableDETR(detector)
    detector.__class__ = MmdetDINO
    detector.bbox_head.__class__ = OwnHead
    with pytest.raises(ValueError, match="OwnHead cannot be exported: its forward is not that of DeformableDETRHead"):
        DeformableDETR(detector)


def test_queries_that_depend_on_nms_are_refused():
    detector = small.transformer(small.DDQ)
    with pytest.raises(ValueError, match="DDQDETRHead cannot be exported: its forward is not that of"):
        DeformableDETR(detector)
