"""The whole function: half precision inside, float32 outside, and the library's answer beside it."""

import torch
from torch import nn

from cnxv2_mm import ImagePreprocessor
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel
from tests.export.test_program import EXAMPLE, Toy


def test_outputs_are_float32_and_the_model_is_not_changed():
    convolution = nn.Conv2d(3, 2, 3).train()
    picture = Picture(ImagePreprocessor((3.0, 4.0, 5.0), (7.0, 8.0, 9.0), flip_prob=0.0), reads_rgb=True)
    images = (EXAMPLE.permute(0, 3, 1, 2) - torch.tensor([3.0, 4, 5])[:, None, None]) / torch.tensor([7.0, 8, 9])[
        :, None, None
    ]
    with torch.no_grad():
        (exact,) = WholeModel(picture, Toy(convolution))(EXAMPLE)
        torch.testing.assert_close(exact, convolution(images))
        (half,) = WholeModel(picture, Toy(convolution), fp16=True)(EXAMPLE)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 1e-2 * exact.abs().max()
    assert {parameter.dtype for parameter in convolution.parameters()} == {torch.float32}


def test_the_reference_gets_what_the_pipeline_reads():
    read = []

    class Notes(Toy):
        def reference(self, inputs):
            read.append(inputs)
            return ()

    picture = Picture(ImagePreprocessor((0.0,), (1.0,), flip_prob=0.0), reads_rgb=False)
    WholeModel(picture, Notes(nn.Identity())).reference(EXAMPLE)
    torch.testing.assert_close(read[0], EXAMPLE.permute(0, 3, 1, 2).flip(1))
