"""Recording: what cannot be recorded is named, with its module and the reason."""

import re
from typing import ClassVar

import pytest
import torch
from torch import nn

from cnxv2_mm import ImagePreprocessor
from cnxv2_mm.export.models.base import ExportableModel, Output
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.program import record, sides
from cnxv2_mm.export.whole_model import WholeModel


class Toy(ExportableModel):
    task: ClassVar[str] = "backbone"

    @property
    def outputs(self):
        return (Output("map", ("images", 1), ""),)

    def forward(self, images, size):
        return (self.model(images),)

    def reference(self, inputs):
        return (self.model(inputs.float()),)


class CountsBrightPixels(nn.Module):
    def forward(self, images):
        bright = images[images > 0.5]
        if len(bright) > 10:
            return images.mean(dim=(1, 2, 3))
        return bright


class Refuses(nn.Module):
    def forward(self, images):
        raise ValueError("this head has no weights: load a checkpoint")


class Pools(nn.Module):
    """Half the size, until one row is left."""

    def forward(self, images):
        smaller = images[:, :1, ::8, ::8]
        return smaller if smaller.shape[2] == 1 else smaller * 2


class TiedToASize(nn.Module):
    """As mmcv's deformable convolution: the number of cells, not of pixels, is a number of the program."""

    def forward(self, images):
        return images[:, :, ::8, ::8] * int((images.shape[2] + 7) // 8)


def whole(model):
    return WholeModel(Picture(ImagePreprocessor((0.0,), (255.0,), flip_prob=0.0), reads_rgb=True), Toy(model))


EXAMPLE = torch.arange(64 * 48 * 3).remainder(255).to(torch.uint8).reshape(1, 64, 48, 3)


def test_what_depends_on_the_data_is_named():
    with pytest.raises(ValueError, match=r"cannot be exported") as refused:
        record(whole(CountsBrightPixels()), EXAMPLE, dynamic=False)
    said = str(refused.value)
    assert said.startswith("CountsBrightPixels cannot be exported: torch.export cannot record 'if len(bright) > 10:' (")
    assert re.search(r"\(test_program\.py:\d+\) of CountsBrightPixels: Could not \w+ .*data-dependent expression", said)
    assert "\n" not in said


def test_an_error_of_the_model_keeps_its_reason():
    with pytest.raises(ValueError, match=r"of Refuses: this head has no weights: load a checkpoint$"):
        record(whole(Refuses()), EXAMPLE, dynamic=False)


def test_any_size_and_number_of_images():
    model = whole(nn.Conv2d(3, 2, 3))
    program = record(model, EXAMPLE, dynamic=True)
    assert [low for low, _ in sides(program)] <= [4, 4]
    assert [high for _, high in sides(program)] == [None, None]
    images = torch.cat([EXAMPLE, EXAMPLE.flip(1)])[:, :31, :17]
    torch.testing.assert_close(program.module()(images), model(images))
    assert sides(record(model, EXAMPLE, dynamic=False)) == [(64, 64), (48, 48)]


def test_the_smallest_size_is_where_the_program_would_be_another():
    (height, width) = sides(record(whole(Pools()), EXAMPLE, dynamic=True))
    assert 8 <= height[0] <= 9
    assert width[0] < 8
    with pytest.raises(ValueError, match=r"^Pools cannot be exported with --dynamic: recorded at a height of 1"):
        record(whole(Pools()), EXAMPLE[:, :1], dynamic=True)


def test_a_size_that_only_an_operation_keeps_is_found():
    with pytest.raises(ValueError, match=r"^TiedToASize cannot be exported with --dynamic: .* 64 x 48 .*--size$"):
        record(whole(TiedToASize()), EXAMPLE, dynamic=True)


def test_nothing_is_printed(capfd):
    record(whole(nn.Conv2d(3, 2, 3)), EXAMPLE, dynamic=True)
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == ""
