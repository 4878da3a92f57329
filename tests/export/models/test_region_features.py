"""Features inside of boxes: mmdet's extractor is the oracle, also for what onnxruntime and OpenVINO compute."""

from typing import Any

import onnxruntime
import openvino
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.export.models.region_features import RegionFeatures
from tests.export.models.small_two_stage import CHANNELS, random_boxes, random_maps

HEIGHT, WIDTH = 460, 700
STRIDES = (4, 8, 16, 32)


def extractor(strides: tuple[int, ...] = STRIDES, kind: str = "SingleRoIExtractor", **layer: Any) -> Any:
    init_default_scope("mmdet")
    layer = {"type": "RoIAlign", "output_size": 7, "sampling_ratio": 0} | layer
    config = {"type": kind, "roi_layer": layer, "out_channels": CHANNELS, "featmap_strides": list(strides)}
    return MODELS.build(config)


@pytest.mark.parametrize("layer", [{}, {"sampling_ratio": 2}, {"aligned": False, "output_size": (5, 3)}])
@pytest.mark.parametrize("scale", [None, 1.3])
@pytest.mark.parametrize("strides", [STRIDES, (8,)])
def test_features_are_those_of_mmdet(layer, scale, strides):
    own = extractor(strides, **layer)
    maps = random_maps(HEIGHT, WIDTH, len(strides)) if len(strides) > 1 else random_maps(HEIGHT, WIDTH)[1:2]
    boxes = random_boxes(40, HEIGHT, WIDTH)
    expected = own(maps, F.pad(boxes, (1, 0)), roi_scale_factor=scale)
    assert torch.equal(RegionFeatures(own)(maps, boxes, scale), expected)


class OfSomeBoxes(nn.Module):
    """The features of those boxes that are asked for: their number depends on the data."""

    def __init__(self, features: RegionFeatures) -> None:
        super().__init__()
        self.features = features

    def forward(self, asked: Tensor, boxes: Tensor, *maps: Tensor) -> Tensor:
        return self.features(maps, boxes[asked.nonzero().squeeze(1)])


def test_targets_compute_the_same_whatever_levels_the_boxes_are_on(tmp_path):
    own = extractor()
    maps, boxes = random_maps(HEIGHT, WIDTH, 4), random_boxes(40, HEIGHT, WIDTH)
    levels = own.map_roi_levels(F.pad(boxes, (1, 0)), len(STRIDES))
    assert len(levels.unique()) == len(STRIDES)
    asked = {
        "all": torch.ones(40, dtype=torch.bool),
        "none": torch.zeros(40, dtype=torch.bool),
        "one without an area": torch.arange(40) == 0,
        "one level": levels == 2,
        "but one level": levels != 1,
    }
    file = tmp_path / "features.onnx"
    program = torch.export.export(OfSomeBoxes(RegionFeatures(own)), (asked["all"], boxes, *maps), strict=False)
    names = ["asked", "boxes", "one", "two", "three", "four"]
    onnx = torch.onnx.export(program, dynamo=True, verbose=False, opset_version=20, input_names=names)
    onnx.save(file)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    compiled = openvino.compile_model(openvino.convert_model(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for which in asked.values():
        inputs = [value.numpy() for value in (which, boxes, *maps)]
        expected = own(maps, F.pad(boxes[which], (1, 0)))
        found = [session.run(None, dict(zip(names, inputs, strict=True)))[0], compiled(inputs)[0]]
        for values in found:
            torch.testing.assert_close(torch.from_numpy(values), expected, atol=1e-4, rtol=1e-4)


def test_another_extractor_is_refused():
    with pytest.raises(ValueError, match="GenericRoIExtractor cannot be exported"):
        RegionFeatures(extractor(kind="GenericRoIExtractor"))


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match="RoIAlign with pool_mode='max' cannot be exported; allowed: 'avg'"):
        RegionFeatures(extractor(pool_mode="max"))
