"""The layout without sparse convolution: what it promises, and the dense backbone on masked images."""

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.masking import enlarge, random_visible
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH, HiddenPixelsContract


class TestMaskedInput(HiddenPixelsContract):
    layout = "masked_input"


def test_it_is_the_dense_backbone_on_images_whose_hidden_pixels_are_zero():
    backbone = wake_grn(ConvNeXtV2(ARCH, out_indices=(3,)))
    images, visible = photographs(2, size=(128, 128)), random_visible(2, (2, 2), 2)
    (dense,) = backbone(images * enlarge(visible, 64).unsqueeze(1))
    features = backbone.encode_visible(images, visible, "masked_input")
    normed = backbone.norm3(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    seen = enlarge(visible, 2).unsqueeze(1)
    assert relative_error(normed * seen, dense * seen) < 1e-5
    assert not (features * ~seen).any()
