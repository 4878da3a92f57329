"""A toy detector that takes one of two boxes: which of them is a question of the last bit, or is not."""

import numpy as np
import pytest
import torch
from mmengine.model import ImgDataPreprocessor
from torch import nn

from cnxv2_mm.export.comparison import compare, own_differences
from cnxv2_mm.export.models.base import ExportableModel, Output
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel

# The first of them moves.
BOXES = np.array([[10, 10, 60, 50], [100, 10, 160, 50], [200, 10, 260, 50], [300, 10, 360, 50]], dtype=np.float32)
IMAGE = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)


class Detector(nn.Module):
    """Moves a box by ``step`` pixels if the mean of its features is by ``margin`` above what it is."""

    def __init__(self, margin, step):
        super().__init__()
        self.step = step
        self.backbone = Features()
        self.limit = self.backbone(None)[0].double().mean() + margin

    def forward(self, inputs):
        (features,) = self.backbone(inputs)
        boxes = torch.from_numpy(BOXES.copy())
        boxes[0] += self.step * (features.double().mean() > self.limit)
        return boxes, torch.full((4,), 0.9), torch.ones(4, dtype=torch.int64)


class Features(nn.Module):
    def forward(self, inputs):
        return (1 + torch.linspace(-1, 1, 400).view(1, 4, 10, 10),)


class ToyDetector(ExportableModel):
    task = "detector"
    takes_batches = False
    outputs = tuple(Output(name, (), "") for name in ("boxes", "scores", "labels"))

    def forward(self, images, size):
        return self.reference(images)

    def reference(self, inputs):
        return self.model(inputs)


def toy(margin, step, fp16=False):
    return WholeModel(Picture(ImgDataPreprocessor(), reads_rgb=True), ToyDetector(Detector(margin, step)), fp16=fp16)


def compared(whole, shift, number=1):
    """What is found of a file that has moved so many boxes by so many pixels, by name."""
    expected = [value.numpy() for value in whole.reference(IMAGE)]
    boxes = expected[0].copy()
    boxes[:number] += np.float32(shift)
    return {one.name: one for one in compare(whole, IMAGE, expected, [boxes, *expected[1:]])}


@pytest.mark.parametrize(("margin", "own"), [(0.0, 0.3), (0.001, 0.0)], ids=["last bit", "clear"])
def test_the_model_itself_moves_where_the_last_bit_decides(margin, own):
    whole = toy(margin, 0.3)
    expected = [value.numpy() for value in whole.reference(IMAGE)]
    found = own_differences(whole, IMAGE, expected)
    assert {name: one.largest for name, one in found.items()} == {
        "detections": 0.0,
        "boxes": pytest.approx(own, abs=1e-5),
        "scores": 0.0,
    }
    assert found["boxes"].beyond == (0.25 if own else 0.0)
    assert not whole.model.model.backbone._forward_hooks


def test_a_file_may_differ_as_the_model_does_from_itself():
    near = compared(toy(0.0, 0.3), 0.3)["boxes"]
    assert near.is_within
    assert near.tolerance == pytest.approx(0.6, abs=1e-4)
    assert near.reason == "the model's own change by 0.3 pixels if its features are changed by a millionth"
    assert not compared(toy(0.0, 0.3), 0.7)["boxes"].is_within
    assert not compared(toy(0.001, 0.3), 0.3)["boxes"].is_within


def test_what_is_within_the_usual_tolerance_keeps_it():
    found = compared(toy(0.0, 0.3), 0.04)["boxes"]
    assert (found.is_within, found.tolerance, found.reason) == (True, 0.05, "")


def test_more_boxes_than_the_model_moves_are_beyond():
    assert compared(toy(0.0, 0.3), 0.3, number=2)["boxes"].is_within
    assert not compared(toy(0.0, 0.3), 0.3, number=3)["boxes"].is_within


def test_what_is_no_number_is_never_within():
    assert not compared(toy(0.0, 0.3), np.nan)["detections"].is_within
    assert not compared(toy(0.0, np.nan), np.nan)["detections"].is_within


def test_in_float16_the_tolerance_stays():
    half = compared(toy(0.0, 5.0, fp16=True), 5.0)["boxes"]
    assert (half.tolerance, half.reason) == (2.0, "")
