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

BOX = np.array([[10, 10, 60, 50]], dtype=np.float32)
IMAGE = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)


class Detector(nn.Module):
    """Moves the box by ``step`` pixels if the mean of its features is by ``margin`` above what it is."""

    def __init__(self, margin, step):
        super().__init__()
        self.step = step
        self.backbone = Features()
        self.limit = self.backbone(None)[0].double().mean() + margin

    def forward(self, inputs):
        (features,) = self.backbone(inputs)
        moved = self.step * (features.double().mean() > self.limit)
        return torch.from_numpy(BOX) + moved, torch.tensor([0.9]), torch.tensor([1])


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


def boxes_of(whole, shift):
    """What is found of boxes that a file has moved by so many pixels."""
    expected = [value.numpy() for value in whole.reference(IMAGE)]
    found = [expected[0] + np.float32(shift), *expected[1:]]
    return {one.name: one for one in compare(whole, IMAGE, expected, found)}["boxes"]


@pytest.mark.parametrize(("margin", "own"), [(0.0, 0.3), (0.001, 0.0)], ids=["last bit", "clear"])
def test_the_model_itself_moves_where_the_last_bit_decides(margin, own):
    whole = toy(margin, 0.3)
    expected = [value.numpy() for value in whole.reference(IMAGE)]
    found = {one.name: one.largest for one in own_differences(whole, IMAGE, expected)}
    assert found == {"detections": 0.0, "boxes": pytest.approx(own, abs=1e-5), "scores": 0.0}
    assert not whole.model.model.backbone._forward_hooks


def test_a_file_may_differ_as_the_model_does_from_itself():
    near = boxes_of(toy(0.0, 0.3), 0.3)
    assert near.is_within
    assert near.tolerance == pytest.approx(0.6, abs=1e-4)
    assert near.reason == "the model's own change by 0.3 pixels if its features are changed by a millionth"
    assert not boxes_of(toy(0.0, 0.3), 0.7).is_within
    assert not boxes_of(toy(0.001, 0.3), 0.3).is_within


def test_what_is_within_the_usual_tolerance_keeps_it():
    found = boxes_of(toy(0.0, 0.3), 0.04)
    assert (found.is_within, found.tolerance, found.reason) == (True, 0.05, "")


def test_the_tolerance_is_never_wider_than_that_of_float16():
    found = boxes_of(toy(0.0, 5.0), 5.0)
    assert not found.is_within
    assert found.tolerance == 2.0
    half = boxes_of(toy(0.0, 5.0, fp16=True), 5.0)
    assert (half.tolerance, half.reason) == (2.0, "")
