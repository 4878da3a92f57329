"""Finer maps by dilation: against loops, against the plain backbone at every second cell, and against timm."""

import pytest
import torch
from torch import Tensor, nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.layouts import Dense
from tests.conftest import photographs, relative_error, wake_grn
from tests.test_backbone import SMALL, V1, assert_equal_maps, same_weights

DILATED = (8, 16)


def awake_v1(output_stride: int = 32, **options: object) -> ConvNeXtV2:
    """A network without GRN whose numbers depend on everything: random norms, a layer scale of 0.5, double precision.

    The weights are the same at every call.
    """
    torch.manual_seed(0)
    network = ConvNeXtV2(
        SMALL, use_grn=False, layer_scale_init_value=0.5, output_stride=output_stride, **options
    ).double()
    for parameter in network.parameters():
        parameter.data.normal_(std=0.3)
    return network.eval()


def loop_depthwise(x: Tensor, conv: nn.Conv2d, dilation: int) -> Tensor:
    """A 7 x 7 depthwise convolution, tap by tap: each reads the cell that lies so many dilations away, or zero."""
    height, width = x.shape[1:3]
    y = torch.empty_like(x)
    for row in range(height):
        for column in range(width):
            total = conv.bias.clone()
            for i in range(7):
                for j in range(7):
                    r, c = row + (i - 3) * dilation, column + (j - 3) * dilation
                    if 0 <= r < height and 0 <= c < width:
                        total = total + x[0, r, c] * conv.weight[:, 0, i, j]
            y[0, row, column] = total
    return y


def loop_downsample(x: Tensor, conv: nn.Conv2d, dilation: int) -> Tensor:
    """A 2 x 2 convolution that reads each cell and those so many to the right and below, zero outside."""
    height, width = x.shape[1:3]
    y = x.new_empty(1, height, width, conv.out_channels)
    for row in range(height):
        for column in range(width):
            total = conv.bias.clone()
            for i in range(2):
                for j in range(2):
                    r, c = row + i * dilation, column + j * dilation
                    if r < height and c < width:
                        total = total + conv.weight[:, :, i, j] @ x[0, r, c]
            y[0, row, column] = total
    return y


@torch.no_grad()
@pytest.mark.parametrize("size", [(6, 5), (7, 3), (1, 1), (2, 9)])
@pytest.mark.parametrize(
    ("output_stride", "stage", "before", "inside"), [(16, 3, 1, 2), (8, 2, 1, 2), (8, 3, 2, 4), (32, 3, None, 1)]
)
def test_convolutions_of_a_dilated_stage_equal_loops(size, output_stride, stage, before, inside):
    """``before`` and ``inside`` are the dilations of the downsampling into the stage and of its blocks."""
    network = awake_v1(output_stride)
    downsample, block = network.downsample_layers[stage][1], network.stages[stage][0]
    layout = Dense(1, size)
    x = torch.randn(1, *size, SMALL["channels"][stage - 1], dtype=torch.float64)
    if before is not None:
        y, after = layout.downsample(x, downsample)
        assert after.size == size
        assert relative_error(y, loop_downsample(x, downsample, before)) < 1e-12
    x = torch.randn(1, *size, SMALL["channels"][stage], dtype=torch.float64)
    assert relative_error(layout.depthwise(x, block.dwconv), loop_depthwise(x, block.dwconv, inside)) < 1e-12


@torch.no_grad()
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (128, 32), (224, 160)])
@pytest.mark.parametrize("output_stride", DILATED)
def test_every_second_or_fourth_cell_is_that_of_the_plain_backbone(size, output_stride):
    """Without GRN exactly, borders included: at those cells every tap reads what it read, or zero where it did."""
    images = photographs(2, size=size).double()
    plain, dilated = awake_v1(), awake_v1(output_stride)
    for i, (expected, ours) in enumerate(zip(plain(images), dilated(images), strict=True)):
        step = plain.out_strides[i] // dilated.out_strides[i]
        assert ours.shape[2:] == tuple(side // dilated.out_strides[i] for side in size)
        assert ours[..., ::step, ::step].shape == expected.shape
        assert relative_error(ours[..., ::step, ::step], expected) < 1e-12


@torch.no_grad()
def test_images_that_do_not_fill_the_last_cell_differ_only_near_that_edge():
    """272 = 8 * 32 + 16 pixels: the plain backbone drops the last 16, the dilated one keeps them as one more cell.

    The only block of the last stage reaches 3 cells, so 8 - 3 = 5 columns cannot see it.
    """
    images = photographs(1, size=(64, 272)).double()
    expected, ours = awake_v1()(images)[-1], awake_v1(16)(images)[-1][..., ::2, ::2]
    assert (expected.shape[3], ours.shape[3]) == (8, 9)
    assert relative_error(ours[..., :5], expected[..., :5]) < 1e-12
    assert relative_error(ours[..., 5:8], expected[..., 5:]) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("output_stride", DILATED)
def test_grn_sees_all_cells_of_the_finer_map(output_stride):
    """At rest (gamma zero) GRN leaves the equality whole; awake it does not: its norms run over more cells."""
    images = photographs(1, size=(96, 64))
    asleep, awake = {}, {}
    for stride in (32, output_stride):
        torch.manual_seed(0)
        network = ConvNeXtV2(SMALL, output_stride=stride)
        asleep[stride] = network(images)[-1]
        awake[stride] = wake_grn(network)(images)[-1]
    step = 32 // output_stride
    assert relative_error(asleep[output_stride][..., ::step, ::step], asleep[32]) < 1e-5
    assert relative_error(awake[output_stride][..., ::step, ::step], awake[32]) > 1e-3


def test_maps_at_16_equal_those_of_timm():
    assert_equal_maps(*same_weights("convnextv2_atto", "atto", output_stride=16))


def test_maps_at_8_equal_those_of_timm_up_to_its_last_downsampling():
    """timm pads that one, dilated by 2, on both sides: it reads the cells to the left and to the right of where ours
    reads the cell itself and the second to its right, so that its map is not that of its own plain network."""
    backbone, network = same_weights("convnextv2_atto", "atto", output_stride=8, out_indices=(0, 1, 2))
    assert_equal_maps(backbone, network)
    reads = network.stages[3].downsample[1]
    assert (reads.dilation, reads.padding) == ((2, 2), (1, 1))


@pytest.mark.parametrize("size", [(8, 8), (33, 65), (47, 50), (100, 36)])
def test_any_size_of_image(size):
    """Oracle: sizes are halved with rounding down until the output stride."""
    for output_stride in DILATED:
        backbone = ConvNeXtV2(SMALL, output_stride=output_stride)
        if min(size) < output_stride:
            with pytest.raises(ValueError, match=r"images of 8 x 8 pixels are smaller .* at least 16 pixels each way"):
                backbone(photographs(1, size=size))
            continue
        shapes = [tuple(result.shape[2:]) for result in backbone(photographs(1, size=size))]
        assert backbone.out_strides == tuple(min(s, output_stride) for s in (4, 8, 16, 32))
        assert shapes == [(size[0] // s, size[1] // s) for s in backbone.out_strides]


@pytest.mark.parametrize("output_stride", DILATED)
def test_parameters_keep_their_names_shapes_and_depths(output_stride):
    plain, dilated = ConvNeXtV2(SMALL), ConvNeXtV2(SMALL, output_stride=output_stride)
    dilated.load_state_dict(plain.state_dict())
    for name, _ in plain.named_parameters():
        assert dilated.get_layer_depth(name) == plain.get_layer_depth(name)


@pytest.mark.parametrize("v1", [{}, V1])
def test_checkpointing_changes_no_gradient_and_none_is_missing(v1):
    plain = wake_grn(ConvNeXtV2(SMALL, output_stride=8, **v1))
    saving = ConvNeXtV2(SMALL, output_stride=8, with_cp=True, **v1)
    saving.load_state_dict(plain.state_dict())
    for backbone in (plain, saving):
        sum(m.square().sum() for m in backbone(photographs(2))).backward()
    for (name, a), b in zip(plain.named_parameters(), saving.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad), name


def test_stages_that_are_not_built_are_not_counted():
    backbone = ConvNeXtV2(SMALL, out_indices=(1,), output_stride=8)
    assert backbone.out_strides == (8,)
    assert [tuple(m.shape) for m in backbone(photographs(1, size=(8, 16)))] == [(1, 16, 1, 2)]


@pytest.mark.parametrize("output_stride", [4, 64, 0, "16", 12])
def test_other_strides_are_refused(output_stride):
    with pytest.raises(ValueError, match=f"output_stride={output_stride!r} must be 8, 16 or 32"):
        ConvNeXtV2(SMALL, output_stride=output_stride)


@pytest.mark.parametrize("output_stride", DILATED)
def test_encoding_visible_patches_is_refused_with_the_fix(output_stride):
    backbone = ConvNeXtV2(SMALL, out_indices=(), output_stride=output_stride)
    with pytest.raises(
        ValueError, match=rf"output_stride={output_stride} .* needs output_stride=32: pre-train with it"
    ):
        backbone.encode_visible(photographs(2), torch.ones(2, 3, 2, dtype=torch.bool))
