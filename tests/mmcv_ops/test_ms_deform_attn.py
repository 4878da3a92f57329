import math

import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

SHAPES = [(4, 3), (2, 2), (1, 3)]
IMAGES, QUERIES, HEADS, POINTS, DEPTH = 2, 3, 2, 2, 4


def attend(value, locations, weights, step=64, shapes=SHAPES):
    sizes = torch.tensor([height * width for height, width in shapes])
    starts = (sizes.cumsum(0) - sizes).to(value.device)
    shapes = torch.tensor(shapes, device=value.device)
    return MultiScaleDeformableAttnFunction.apply(value, shapes, starts, locations, weights, step)


def naive_attend(value, locations, weights):
    """Equation 3 of Deformable DETR, one sample at a time: cell centres at half-integers, zero outside."""
    output = value.new_zeros(len(value), QUERIES, HEADS, DEPTH)
    for n, q, m, level, p in torch.cartesian_prod(*(torch.arange(length) for length in weights.shape)).tolist():
        height, width = SHAPES[level]
        first = sum(rows * columns for rows, columns in SHAPES[:level])
        x, y = (locations[n, q, m, level, p] * locations.new_tensor([width, height]) - 0.5).tolist()
        for row in (math.floor(y), math.floor(y) + 1):
            for column in (math.floor(x), math.floor(x) + 1):
                if 0 <= row < height and 0 <= column < width:
                    share = (1 - abs(y - row)) * (1 - abs(x - column))
                    cell = value[n, first + row * width + column, m]
                    output[n, q, m] += weights[n, q, m, level, p] * share * cell
    return output.flatten(2)


@pytest.fixture
def case(device):
    cells = sum(height * width for height, width in SHAPES)
    value = torch.randn(IMAGES, cells, HEADS, DEPTH, dtype=torch.float64, device=device)
    # some samples beyond the borders
    locations = (
        torch.rand(IMAGES, QUERIES, HEADS, len(SHAPES), POINTS, 2, dtype=torch.float64, device=device) * 1.4 - 0.2
    )
    weights = torch.rand(IMAGES, QUERIES, HEADS, len(SHAPES), POINTS, dtype=torch.float64, device=device)
    return value, locations, weights


def test_naive_loop(case):
    torch.testing.assert_close(attend(*case), naive_attend(*case))


def test_gradcheck(case):
    assert torch.autograd.gradcheck(attend, tuple(tensor.requires_grad_() for tensor in case), fast_mode=True)


def test_im2col_step_does_not_matter(case):
    torch.testing.assert_close(attend(*case, 1), attend(*case, 64))


@pytest.mark.parametrize("empty", ["images", "queries"])
def test_nothing_to_attend_for(case, empty):
    value, locations, weights = case
    if empty == "images":
        value, locations, weights = value[:0], locations[:0], weights[:0]
    else:
        locations, weights = locations[:, :0], weights[:, :0]
    value.requires_grad_()
    output = attend(value, locations, weights)
    assert output.shape == (len(value), locations.size(1), HEADS * DEPTH)
    output.sum().backward()
    assert not value.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(case, dtype):
    half = [tensor.to(dtype).requires_grad_() for tensor in case]
    full = [tensor.detach().float().requires_grad_() for tensor in half]
    outputs = attend(*half), attend(*full)
    assert outputs[0].equal(outputs[1].to(dtype))
    for output in outputs:
        output.float().sum().backward()
    for leaf, reference in zip(half, full, strict=True):
        torch.testing.assert_close(leaf.grad, reference.grad.to(dtype))
