import math

import pytest
import torch
from mmcv.ops import DeformConv2d, deform_conv2d, modulated_deform_conv2d

GEOMETRIES = {  # stride, padding, dilation, groups, deform_groups
    "plain": (1, 0, 1, 1, 1),
    "strided": ((2, 1), (1, 2), 1, 1, 1),
    "dilated": (1, (1, 2), (1, 2), 1, 1),
    "grouped": (1, 1, 1, 2, 1),
    "deform grouped": (1, 1, 1, 1, 2),
    "both grouped": (2, 1, 1, 2, 4),
}
KERNEL = (3, 2)


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def bilinear(plane, y, x):
    """Value of a map at a point; every cell outside the map is zero."""
    height, width = plane.shape
    value = plane.new_zeros(())
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                value = value + plane[row, column] * ((1 - abs(y - row)) * (1 - abs(x - column)))
    return value


def naive_deform_conv(input, offset, mask, weight, bias, stride, padding, dilation, groups, deform_groups):
    """The definition: a convolution whose every kernel element is moved by its offset (y first) and modulated."""
    stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    images, channels = input.shape[:2]
    outputs, channels_per_group, *kernel = weight.shape
    elements = kernel[0] * kernel[1]
    offset = offset.unflatten(1, (deform_groups, elements, 2))
    output = input.new_zeros(images, outputs, *offset.shape[-2:])
    for n, o, p, q in torch.cartesian_prod(*(torch.arange(length) for length in output.shape)).tolist():
        total = 0 if bias is None else bias[o]
        for c in range(channels_per_group):
            channel = o // (outputs // groups) * channels_per_group + c
            g = channel // (channels // deform_groups)
            for e in range(elements):
                i, j = divmod(e, kernel[1])
                y = p * stride[0] - padding[0] + i * dilation[0] + offset[n, g, e, 0, p, q].item()
                x = q * stride[1] - padding[1] + j * dilation[1] + offset[n, g, e, 1, p, q].item()
                sample = bilinear(input[n, channel], y, x)
                if mask is not None:
                    sample = sample * mask[n, g * elements + e, p, q]
                total = total + sample * weight[o, c, i, j]
        output[n, o, p, q] = total
    return output


@pytest.fixture(params=GEOMETRIES)
def geometry(request):
    return GEOMETRIES[request.param]


def make_case(geometry, device, images=2):
    """Input, offset, mask, weight, bias, all random, for one geometry."""
    stride, padding, dilation, groups, deform_groups = geometry
    stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    height, width = (
        (size + 2 * padding[d] - dilation[d] * (KERNEL[d] - 1) - 1) // stride[d] + 1 for d, size in enumerate((5, 4))
    )
    elements = deform_groups * KERNEL[0] * KERNEL[1]
    shapes = [
        (images, 4, 5, 4),
        (images, 2 * elements, height, width),
        (images, elements, height, width),
        (2, 4 // groups, *KERNEL),
        (2,),
    ]
    return [torch.randn(shape, dtype=torch.float64, device=device) for shape in shapes]


class TestDeformConv:
    def test_naive_loop(self, device, geometry):
        input, offset, _, weight, _ = make_case(geometry, device)
        expected = naive_deform_conv(input, offset, None, weight, None, *geometry)
        torch.testing.assert_close(deform_conv2d(input, offset, weight, *geometry), expected)

    def test_gradcheck(self, device, geometry):
        input, offset, _, weight, _ = (tensor.requires_grad_() for tensor in make_case(geometry, device))
        assert torch.autograd.gradcheck(
            lambda *tensors: deform_conv2d(*tensors, *geometry), (input, offset, weight), fast_mode=True
        )

    def test_samples_exactly_on_cells_and_on_the_border(self, device):
        """One cell outside there is nothing: ``h_im > -1 && h_im < height`` in mmcv's csrc, and weights of 0 and 1."""
        input, offset, _, weight, _ = make_case(GEOMETRIES["plain"], device)
        offset = (2 * offset).round()
        assert {-2, -1, 0, 1, 2} <= set(offset.unique().tolist())
        results = []
        for function in (
            lambda leaf: deform_conv2d(leaf, offset, weight),
            lambda leaf: naive_deform_conv(leaf, offset, None, weight, None, *GEOMETRIES["plain"]),
        ):
            leaf = input.clone().requires_grad_()
            output = function(leaf)
            results.append((output, *torch.autograd.grad(output.square().sum(), leaf)))
        torch.testing.assert_close(*results)

    def test_without_offsets_it_is_a_convolution(self, device):
        layer = DeformConv2d(4, 6, 3, padding=1).to(device)
        input = torch.randn(4, 4, 7, 6, device=device)
        offset = torch.zeros(4, 18, 7, 6, device=device)
        expected = torch.nn.functional.conv2d(input, layer.weight, padding=1)
        torch.testing.assert_close(layer(input, offset), expected)

    def test_im2col_step_does_not_matter(self, device):
        input, offset, _, weight, _ = make_case(GEOMETRIES["plain"], device, images=4)
        results = [deform_conv2d(input, offset, weight, 1, 0, 1, 1, 1, False, step) for step in (1, 2, 32)]
        torch.testing.assert_close(results[1], results[0])
        torch.testing.assert_close(results[2], results[0])

    def test_gradient_of_the_weight_alone(self, device):
        """mmcv asks for it by its own operator, which must not need the other one's work."""
        input, offset, _, weight, _ = make_case(GEOMETRIES["plain"], device)
        assert torch.autograd.gradcheck(
            lambda w: deform_conv2d(input, offset, w), weight.requires_grad_(), fast_mode=True
        )

    def test_half_precision_is_computed_in_float32(self, device):
        input, offset, _, weight, _ = (tensor.half() for tensor in make_case(GEOMETRIES["plain"], device))
        leaves = [weight.clone().requires_grad_(), weight.float().requires_grad_()]
        half = deform_conv2d(input, offset, leaves[0])
        full = deform_conv2d(input.float(), offset.float(), leaves[1])
        assert half.equal(full.half())
        half.float().sum().backward()
        full.sum().backward()
        torch.testing.assert_close(leaves[0].grad, leaves[1].grad.half())


class TestModulatedDeformConv:
    @pytest.mark.parametrize("with_bias", [True, False])
    def test_naive_loop(self, device, geometry, with_bias):
        input, offset, mask, weight, bias = make_case(geometry, device)
        bias = bias if with_bias else None
        expected = naive_deform_conv(input, offset, mask, weight, bias, *geometry)
        torch.testing.assert_close(modulated_deform_conv2d(input, offset, mask, weight, bias, *geometry), expected)

    @pytest.mark.parametrize("with_bias", [True, False])
    def test_gradcheck(self, device, geometry, with_bias):
        tensors = [tensor.requires_grad_() for tensor in make_case(geometry, device)]
        tensors = tensors if with_bias else tensors[:-1]

        def function(input, offset, mask, weight, bias=None):
            return modulated_deform_conv2d(input, offset, mask, weight, bias, *geometry)

        assert torch.autograd.gradcheck(function, tensors, fast_mode=True)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, device, dtype):
        tensors = [tensor.to(dtype) for tensor in make_case(GEOMETRIES["plain"], device)]
        expected = modulated_deform_conv2d(*(tensor.float() for tensor in tensors))
        assert modulated_deform_conv2d(*tensors).equal(expected.to(dtype))

    def test_offsets_of_more_cells_are_read_in_order(self, device):
        """As by mmcv's compiled operator, whose loop counts the output's cells (DyHead gives it a larger map's).

        Oracle: the operator on the numbers that ``data_offset_ptr`` and ``data_mask_ptr`` of
        mmcv/ops/csrc/pytorch/cpu/modulated_deform_conv.cpp reach.
        """
        input, offset, mask, weight, bias = make_case(GEOMETRIES["plain"], device)
        large = {}
        for name, values in (("offset", offset), ("mask", mask)):
            images, channels, height, width = values.shape
            large[name] = torch.randn(images, channels, 2 * height, 2 * width, device=device, dtype=values.dtype)
            for n, k, p, q in torch.cartesian_prod(*(torch.arange(length) for length in values.shape)).tolist():
                values[n, k, p, q] = large[name][n].flatten()[(k * height + p) * width + q]
            large[name].requires_grad_()
            values.requires_grad_()
        result = modulated_deform_conv2d(input, large["offset"], large["mask"], weight, bias)
        expected = modulated_deform_conv2d(input, offset, mask, weight, bias)
        torch.testing.assert_close(result, expected)
        result.sum().backward()
        expected.sum().backward()
        for name, values in (("offset", offset), ("mask", mask)):
            used = values[0].numel()
            gradient = large[name].grad.flatten(1)
            torch.testing.assert_close(gradient[:, :used], values.grad.flatten(1))
            assert not gradient[:, used:].any()
