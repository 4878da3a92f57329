"""RoI align of rotated boxes, through mmcv's functions: its own numbers, and the definition by loops."""

import cmath
import math

import pytest
import torch
from mmcv.ops import RiRoIAlignRotated, roi_align, roi_align_rotated

from tests.mmcv_ops.bilinear_reading import bilinear

SIZE = (2, 3)
# image, x, y, width, height, angle: ordinary, larger than the map, partly outside, thin, almost a point
ROIS = [
    [0, 8.5, 7.0, 13.0, 8.0, 0.4],
    [1, 9.0, 8.5, 30.0, 27.0, -2.5],
    [1, 20.0, 16.6, 21.4, 17.1, 1.2],
    [0, 4.5, 8.2, 0.8, 14.1, 3.0],
    [1, 5.25, 5.5, 0.05, 0.1, -0.7],
]
ORIENTATIONS = 4

# tests/test_ops/test_roi_align_rotated.py @ 0afc890 of mmcv, whose grid is 2 x 2 with 2 x 2 samples: map, box, result,
# gradient of its sum
SMALL = [[[1.0, 2], [3, 4]]]
LARGE = [[[1.0, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]]]
SMALL_GRADIENT = [[3.0625, 0.4375], [0.4375, 0.0625]]
LARGE_GRADIENT = [
    [0.47265625, 0.4296875, 0.4296875, 0.04296875],
    [0.4296875, 0.390625, 0.390625, 0.0390625],
    [0.4296875, 0.390625, 0.390625, 0.0390625],
    [0.04296875, 0.0390625, 0.0390625, 0.00390625],
]
PUBLISHED = {
    "small": (SMALL, [0.5, 0.5, 1, 1, 0], [[[1, 1.25], [1.5, 1.75]]], SMALL_GRADIENT),
    "small, turned": (SMALL, [0.5, 0.5, 1, 1, math.pi / 2], [[[1.5, 1], [1.75, 1.25]]], SMALL_GRADIENT),
    "two channels": (
        [*SMALL, [[4.0, 3], [2, 1]]],
        [0.5, 0.5, 1, 1, 0],
        [[[1, 1.25], [1.5, 1.75]], [[4, 3.75], [3.5, 3.25]]],
        SMALL_GRADIENT,
    ),
    "large": (LARGE, [1.5, 1.5, 3, 3, 0], [[[1.9375, 4.75], [7.5625, 10.375]]], LARGE_GRADIENT),
    "large, turned": (LARGE, [1.5, 1.5, 3, 3, math.pi / 2], [[[7.5625, 1.9375], [10.375, 4.75]]], LARGE_GRADIENT),
}

# tests/test_ops/test_riroi_align_rotated.py @ 24b9d58 of mmcv: one feature in eight orientations
ORIENTED = torch.tensor(
    [
        *[[1.0, 2, 3, 4], [1, 2, 4, 3], [4, 3, 2, 1], [1, 2, 5, 6]],
        *[[3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16], [1, 1, 2, 2]],
    ]
).view(1, 8, 2, 2)
ORIENTED_ROIS = torch.tensor([[0, 0.5, 0.5, 1, 1, math.pi / 3], [0, 1, 1, 3, 3, math.pi / 2]])
ORIENTED_RESULT = [
    [[1.8425, 1.3516, 2.3151, 1.8241], [2.4779, 1.7416, 3.2173, 2.5632], [2.7149, 2.2638, 2.6540, 2.3673],
     [2.9461, 2.8638, 2.8028, 2.7205], [4.1943, 2.7214, 5.6119, 4.1391], [7.5276, 6.0547, 8.9453, 7.4724],
     [12.1943, 10.7214, 13.6119, 12.1391], [9.5489, 8.4237, 10.5763, 9.4511]],
    [[7.6562, 12.5625, 4.0000, 6.6250], [1.0000, 1.3125, 0.5000, 0.6562], [1.6562, 1.9375, 1.0000, 1.3125],
     [1.8438, 2.0547, 0.7500, 1.1562], [0.8438, 3.0625, 0.2500, 1.1875], [2.6562, 2.5625, 1.5000, 1.6250],
     [3.6562, 4.5625, 2.0000, 2.6250], [6.6562, 10.5625, 3.5000, 5.6250]],
]  # fmt: skip
ORIENTED_GRADIENT = [[1.4727, 1.5586], [1.5586, 1.6602]]


def naive(input, rois, size, scale, sampling_ratio, aligned, clockwise):
    """The definition, one sample at a time."""
    output = input.new_zeros(len(rois), input.size(1), *size)
    for r, (image, x, y, width, height, angle) in enumerate(rois.tolist()):
        width, height = width * scale, height * scale
        if not aligned:
            width, height = max(width, 1), max(height, 1)
        x, y = (axis * scale - (0.5 if aligned else 0) for axis in (x, y))
        turn = cmath.rect(1, angle if clockwise else -angle)
        count_y, count_x = (
            sampling_ratio or math.ceil(length / cells) for length, cells in zip((height, width), size, strict=True)
        )
        for p in range(size[0]):
            for q in range(size[1]):
                for i in range(count_y):
                    for j in range(count_x):
                        across = ((q + (j + 0.5) / count_x) / size[1] - 0.5) * width
                        along = ((p + (i + 0.5) / count_y) / size[0] - 0.5) * height
                        place = complex(x, y) + complex(across, along) * turn  # the angle turns x towards y
                        for c, plane in enumerate(input[int(image)]):
                            value = bilinear(plane, place.imag, place.real)
                            output[r, c, p, q] = output[r, c, p, q] + value / (count_y * count_x)
    return output


def naive_orientations(input, rois, size, scale, sampling_ratio, clockwise):
    """The same, then each orientation from the one that the box's angle turns onto it, between two of them."""
    pooled = naive(input, rois, size, scale, sampling_ratio, False, clockwise)
    output = torch.zeros_like(pooled)
    for r, angle in enumerate(rois[:, 5].tolist()):
        turns = angle * ORIENTATIONS / (2 * math.pi)
        whole = math.floor(turns)
        for c in range(pooled.size(1)):
            feature, orientation = divmod(c, ORIENTATIONS)
            first, second = (
                pooled[r, feature * ORIENTATIONS + (orientation - whole + more) % ORIENTATIONS] for more in (0, 1)
            )
            output[r, c] = first * (1 - (turns - whole)) + second * (turns - whole)
    return output


def weighted_gradient(function, input):
    leaf = input.clone().requires_grad_()
    output = function(leaf)
    weights = torch.arange(output.numel(), dtype=output.dtype, device=output.device).view_as(output).sin()
    return torch.autograd.grad((output * weights).sum(), leaf)[0]


@pytest.fixture
def rois(device):
    return torch.tensor(ROIS, dtype=torch.float64, device=device)


@pytest.fixture
def case(device, rois):
    return torch.randn(2, 2, 8, 9, dtype=torch.float64, device=device), rois


@pytest.fixture
def oriented(device, rois):
    return torch.randn(2, 2 * ORIENTATIONS, 8, 9, dtype=torch.float64, device=device), rois


class TestRotated:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
    @pytest.mark.parametrize("name", PUBLISHED)
    def test_mmcvs_numbers(self, name, dtype, device):
        planes, box, expected, gradient = PUBLISHED[name]
        leaf = torch.tensor([planes], dtype=dtype, device=device).requires_grad_()
        output = roi_align_rotated(leaf, torch.tensor([[0, *box]], dtype=dtype, device=device), 2, 1.0, 2, True)
        assert output.dtype == dtype
        torch.testing.assert_close(output.float().cpu(), torch.tensor([expected]).float(), atol=1e-3, rtol=0)
        output.sum().backward()
        expected_gradient = torch.tensor([[gradient] * len(planes)])
        torch.testing.assert_close(leaf.grad.float().cpu(), expected_gradient, atol=1e-3, rtol=0)

    @pytest.mark.parametrize("clockwise", [True, False])
    @pytest.mark.parametrize("aligned", [True, False])
    @pytest.mark.parametrize("sampling_ratio", [0, 2])
    def test_naive_loop(self, case, aligned, sampling_ratio, clockwise):
        input, rois = case
        arguments = (SIZE, 0.5, sampling_ratio, aligned, clockwise)
        torch.testing.assert_close(roi_align_rotated(input, rois, *arguments), naive(input, rois, *arguments))
        gradients = [
            weighted_gradient(lambda x, function=function: function(x, rois, *arguments), input)
            for function in (roi_align_rotated, naive)
        ]
        torch.testing.assert_close(*gradients)

    @pytest.mark.parametrize("aligned", [True, False])
    @pytest.mark.parametrize("sampling_ratio", [0, 2])
    def test_an_upright_box_is_a_box_of_roi_align(self, case, aligned, sampling_ratio):
        input, rois = case
        rois = rois * rois.new_tensor([1, 1, 1, 1, 1, 0])
        image, x, y, width, height, _ = rois.unbind(dim=1)
        upright = torch.stack([image, x - width / 2, y - height / 2, x + width / 2, y + height / 2], dim=1)
        keep = slice(None) if aligned else slice(3)  # roi_align grows small boxes from their corner
        result = roi_align_rotated(input, rois[keep], SIZE, 0.5, sampling_ratio, aligned)
        torch.testing.assert_close(result, roi_align(input, upright[keep], SIZE, 0.5, sampling_ratio, "avg", aligned))

    def test_gradcheck(self, case):
        input, rois = case
        assert torch.autograd.gradcheck(
            lambda x: roi_align_rotated(x, rois, SIZE, 0.5, 2, True), input.requires_grad_(), fast_mode=True
        )

    def test_no_boxes(self, case):
        input, rois = case
        output = roi_align_rotated(input.requires_grad_(), rois[:0], SIZE, 0.5, 0, True)
        assert output.shape == (0, 2, *SIZE)
        output.sum().backward()
        assert not input.grad.any()

    def test_a_box_without_area_gives_zero(self, case):
        input, rois = case
        rois = rois * rois.new_tensor([1, 1, 1, 0, 0, 1])
        assert not roi_align_rotated(input, rois, SIZE, 0.5, 0, True).any()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, case, dtype):
        input, rois = (tensor.to(dtype) for tensor in case)
        leaves = [input.clone().requires_grad_(), input.float().requires_grad_()]
        half = roi_align_rotated(leaves[0], rois, SIZE, 0.5, 0, True)
        full = roi_align_rotated(leaves[1], rois.float(), SIZE, 0.5, 0, True)
        assert half.equal(full.to(dtype))
        for output in (half, full):
            output.sum().backward()
        torch.testing.assert_close(leaves[0].grad, leaves[1].grad.to(dtype))


class TestRotationInvariant:
    def test_mmcvs_numbers(self, device):
        leaf = ORIENTED.to(device).requires_grad_()
        output = RiRoIAlignRotated((2, 2), 1.0, 2, 8, clockwise=False)(leaf, ORIENTED_ROIS.to(device))
        expected = torch.tensor(ORIENTED_RESULT).unflatten(2, (2, 2))
        torch.testing.assert_close(output.cpu(), expected, atol=1e-3, rtol=0)
        output.sum().backward()
        torch.testing.assert_close(leaf.grad.cpu(), torch.tensor([[ORIENTED_GRADIENT] * 8]), atol=1e-3, rtol=0)

    @pytest.mark.parametrize("clockwise", [True, False])
    @pytest.mark.parametrize("num_samples", [0, 2])
    def test_naive_loop(self, oriented, num_samples, clockwise):
        input, rois = oriented
        layer = RiRoIAlignRotated(SIZE, 0.5, num_samples, ORIENTATIONS, clockwise)
        arguments = (SIZE, 0.5, num_samples, clockwise)
        torch.testing.assert_close(layer(input, rois), naive_orientations(input, rois, *arguments))
        gradients = [
            weighted_gradient(lambda x, function=function: function(x, rois), input)
            for function in (layer, lambda x, rois: naive_orientations(x, rois, *arguments))
        ]
        torch.testing.assert_close(*gradients)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, oriented, dtype):
        input, rois = (tensor.to(dtype) for tensor in oriented)
        layer = RiRoIAlignRotated(SIZE, 0.5, 0, ORIENTATIONS)
        assert layer(input, rois).equal(layer(input.float(), rois.float()).to(dtype))
