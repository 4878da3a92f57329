import math

import pytest
import torch
import torchvision
from mmcv.ops import RoIAlign, roi_align

from tests.mmcv_ops.bilinear_reading import bilinear

SIZE = (2, 3)
# image, x1, y1, x2, y2: ordinary, larger than the map, partly outside, thin, almost a point
ROIS = [
    [0, 2.0, 3.0, 15.0, 11.0],
    [1, -6.0, -5.0, 24.0, 22.0],
    [1, 9.3, 8.1, 30.7, 25.2],
    [0, 4.1, 1.2, 4.9, 15.3],
    [1, 5.25, 5.5, 5.3, 5.6],
]


def naive_roi_align(input, rois, size, scale, sampling_ratio, mode, aligned):
    """The definition, one sample at a time."""
    output = input.new_zeros(len(rois), input.size(1), *size)
    shift = 0.5 if aligned else 0.0
    for r, (image, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (corner * scale - shift for corner in corners)
        height, width = y2 - y1, x2 - x1
        if not aligned:
            height, width = max(height, 1), max(width, 1)
        cell_y, cell_x = height / size[0], width / size[1]
        count_y = sampling_ratio or math.ceil(cell_y)
        count_x = sampling_ratio or math.ceil(cell_x)
        for c, plane in enumerate(input[int(image)]):
            for p in range(size[0]):
                for q in range(size[1]):
                    samples = [
                        bilinear(
                            plane, y1 + (p + (i + 0.5) / count_y) * cell_y, x1 + (q + (j + 0.5) / count_x) * cell_x
                        )
                        for i in range(count_y)
                        for j in range(count_x)
                    ]
                    samples = torch.stack(samples)
                    output[r, c, p, q] = samples.max() if mode == "max" else samples.mean()
    return output


@pytest.fixture
def case(device):
    input = torch.randn(2, 2, 8, 9, dtype=torch.float64, device=device)
    return input, torch.tensor(ROIS, dtype=torch.float64, device=device)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("sampling_ratio", [0, 2])
class TestBothModes:
    def test_naive_loop(self, case, mode, aligned, sampling_ratio):
        arguments = (SIZE, 0.5, sampling_ratio, mode, aligned)
        expected = naive_roi_align(*case, *arguments)
        torch.testing.assert_close(roi_align(*case, *arguments), expected)

    def test_gradient_of_the_naive_loop(self, case, mode, aligned, sampling_ratio):
        arguments = (SIZE, 0.5, sampling_ratio, mode, aligned)
        input, rois = case
        gradients = []
        for function in (roi_align, naive_roi_align):
            leaf = input.clone().requires_grad_()
            output = function(leaf, rois, *arguments)
            weights = torch.arange(output.numel(), dtype=output.dtype, device=output.device).view_as(output).sin()
            gradients += torch.autograd.grad((output * weights).sum(), leaf)
        torch.testing.assert_close(*gradients)

    def test_no_boxes(self, case, mode, aligned, sampling_ratio):
        input = case[0].requires_grad_()
        output = roi_align(input, case[1][:0], SIZE, 0.5, sampling_ratio, mode, aligned)
        assert output.shape == (0, 2, *SIZE)
        output.sum().backward()
        assert not input.grad.any()


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("x", [-1.0, 9.0, -1.125, 9.125, 4.5])
@pytest.mark.parametrize("y", [-1.0, 8.0, -1.125, 8.125, 3.25])
def test_a_sample_exactly_at_the_border_counts_in_full_and_the_next_one_not(case, mode, y, x):
    """A cell before the first one and a cell after the last: ``y < -1.0 || y > height`` in mmcv's csrc.

    With one sample a box, its maximum is its average, and torchvision's operator the oracle of both.
    """
    input = case[0]
    rois = torch.tensor([[1, x - 1, y - 1, x + 1, y + 1]], dtype=input.dtype, device=input.device)
    results = []
    for function in (
        lambda leaf: roi_align(leaf, rois, 1, 1.0, 1, mode, False),
        lambda leaf: torchvision.ops.roi_align(leaf, rois, 1, 1.0, 1, False),
    ):
        leaf = input.clone().requires_grad_()
        output = function(leaf)
        results.append((output, *torch.autograd.grad(output.sum(), leaf)))
    torch.testing.assert_close(*results)
    outside = abs(x - 4) > 5 or abs(y - 3.5) > 4.5
    assert bool(results[0][0].any()) is not outside


def test_of_equal_samples_the_first_gets_the_gradient(device):
    """``if (val > maxval)`` in mmcv's csrc. The oracle is a box that has this sample alone."""
    gradients = []
    for box, samples in (([0.0, 1, 1, 6, 5], 2), ([0.0, 1, 1, 3.5, 3], 1)):
        leaf = torch.ones(1, 1, 8, 9, device=device, requires_grad=True)
        rois = torch.tensor([box], device=device)
        gradients += torch.autograd.grad(roi_align(leaf, rois, 1, 1.0, samples, "max", False).sum(), leaf)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("mode", ["avg", "max"])
class TestEdges:
    def test_gradcheck(self, case, mode):
        input, rois = case
        assert torch.autograd.gradcheck(
            lambda x: roi_align(x, rois, SIZE, 0.5, 2, mode, True), input.requires_grad_(), fast_mode=True
        )

    def test_a_box_without_area_gives_zero(self, case, mode):
        input = case[0].requires_grad_()
        rois = torch.tensor([[0.0, 4, 4, 4, 4], [0, 6, 6, 3, 2]], dtype=input.dtype, device=input.device)
        output = roi_align(input, rois, SIZE, 1.0, 0, mode, True)
        assert not output.any()
        output.sum().backward()
        assert not input.grad.any()

    def test_a_box_outside_the_image_gives_zero(self, case, mode):
        rois = torch.tensor([[0.0, 100, 100, 120, 120]], dtype=torch.float64, device=case[0].device)
        assert not roi_align(case[0], rois, SIZE, 1.0, 0, mode, True).any()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, case, mode, dtype):
        input, rois = (tensor.to(dtype) for tensor in case)
        leaves = [input.clone().requires_grad_(), input.float().requires_grad_()]
        half = roi_align(leaves[0], rois, SIZE, 0.5, 0, mode, True)
        full = roi_align(leaves[1], rois.float(), SIZE, 0.5, 0, mode, True)
        assert half.dtype == dtype
        assert half.equal(full.to(dtype))
        half.float().square().sum().backward()
        assert leaves[0].grad.isfinite().all()
        assert leaves[0].grad.any()

    def test_non_contiguous_input_and_gradient(self, case, mode):
        input, rois = case
        layer = RoIAlign(SIZE, 0.5, 2, mode, True)
        leaves = [input.clone().requires_grad_(), input.contiguous(memory_format=torch.channels_last).requires_grad_()]
        outputs = [layer(leaf, rois) for leaf in leaves]
        for output in outputs:
            output.transpose(2, 3).square().sum().backward()
        torch.testing.assert_close(*outputs)
        torch.testing.assert_close(leaves[0].grad, leaves[1].grad)


def test_unknown_mode():
    from mmcv._ext import roi_align_forward

    output = torch.zeros(0)
    with pytest.raises(ValueError, match="pool_mode=2"):
        roi_align_forward(torch.zeros(1, 1, 2, 2), torch.zeros(1, 5), output, output, output, 1, 1, 1.0, 0, 2, True)
