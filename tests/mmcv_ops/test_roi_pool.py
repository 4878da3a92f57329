import math

import pytest
import torch
from mmcv.ops import roi_pool

SIZE = (2, 3)
# image, x1, y1, x2, y2: ordinary, larger than the map, partly outside, a pixel, inside out
ROIS = [
    [0, 2.0, 3.0, 14.0, 11.0],
    [1, -6.0, -5.0, 24.0, 22.0],
    [1, 9.3, 8.1, 30.7, 25.2],
    [0, 5.0, 5.0, 5.0, 5.0],
    [1, 9.0, 9.0, 3.0, 4.0],
]


def naive_roi_pool(input, rois, size, scale):
    """The definition: the largest cell of each part, floor to ceiling of its borders."""
    _, channels, height, width = input.shape
    output = input.new_zeros(len(rois), channels, *size)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        left, top = x1 * scale, y1 * scale
        part_x, part_y = ((x2 + 1) * scale - left) / size[1], ((y2 + 1) * scale - top) / size[0]
        if part_x <= 0 or part_y <= 0:
            continue
        for p in range(size[0]):
            for q in range(size[1]):
                rows = slice(*(min(max(i, 0), height) for i in borders(top, part_y, p)))
                columns = slice(*(min(max(i, 0), width) for i in borders(left, part_x, q)))
                region = input[int(image), :, rows, columns].flatten(1)
                if region.size(1):
                    output[r, :, p, q] = region.amax(dim=1)
    return output


def borders(start, size, number):
    return math.floor(number * size + start), math.ceil((number + 1) * size + start)


@pytest.fixture
def case(device):
    # all values differ, so each maximum is at one place
    input = torch.randperm(2 * 2 * 8 * 9).view(2, 2, 8, 9).double().to(device) - 50
    return input, torch.tensor(ROIS, dtype=torch.float64, device=device)


@pytest.mark.parametrize("scale", [0.5, 0.3])
def test_naive_loop_and_its_gradient(case, scale):
    input, rois = case
    outputs, gradients = [], []
    for function in (roi_pool, naive_roi_pool):
        leaf = input.clone().requires_grad_()
        output = function(leaf, rois, SIZE, scale)
        weights = torch.arange(output.numel(), dtype=output.dtype, device=output.device).view_as(output).sin()
        outputs.append(output)
        gradients += torch.autograd.grad((output * weights).sum(), leaf)
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*gradients)


def test_of_equal_cells_the_first_gets_the_gradient(device):
    input = torch.zeros(1, 1, 4, 4, device=device, requires_grad=True)
    roi_pool(input, torch.tensor([[0.0, 0, 0, 3, 3]], device=device), 1, 1.0).sum().backward()
    assert input.grad.flatten().tolist() == [1.0] + [0.0] * 15


def test_no_boxes(case):
    input = case[0].requires_grad_()
    output = roi_pool(input, case[1][:0], SIZE, 0.5)
    assert output.shape == (0, 2, *SIZE)
    output.sum().backward()
    assert not input.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(case, dtype):
    input, rois = (tensor.to(dtype) for tensor in case)
    leaf = input.clone().requires_grad_()
    output = roi_pool(leaf, rois, SIZE, 0.5)
    assert output.equal(roi_pool(input.float(), rois.float(), SIZE, 0.5).to(dtype))
    output.sum().backward()
    assert leaf.grad.sum() == (output != 0).sum()
