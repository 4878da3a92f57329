"""R3Det's feature alignment and active rotating filters, through mmcv's functions."""

import cmath

import pytest
import torch
from mmcv.ops import active_rotated_filter, rotated_feature_align

from tests.mmcv_ops.bilinear_reading import bilinear


def naive_align(features, boxes, scale, points):
    """The definition, one sample at a time; a box's first number is its y."""
    output = features.clone()
    for n, h, w in torch.cartesian_prod(*(torch.arange(s) for s in boxes.shape[:3])).tolist():
        y, x, width, height, angle = boxes[n, h, w].tolist()
        turn = cmath.rect(1, angle)
        for across, along in [(0, 0), (1, 1), (-1, 1), (-1, -1), (1, -1)][:points]:
            place = complex(x, y) + complex(across * width, along * height) / 2 * turn
            for c, plane in enumerate(features[n]):
                output[n, c, h, w] = output[n, c, h, w] + bilinear(plane, place.imag * scale, place.real * scale)
    return output


def random_boxes(images, height, width, scale):
    """Centres from a cell outside of the map to a cell beyond it."""
    place = (torch.rand(images, height, width, 2) * torch.tensor([height + 2, width + 2]) - 1) / scale
    sides = torch.rand(images, height, width, 2) * 4 / scale
    return torch.cat([place, sides, torch.rand(images, height, width, 1) * 6 - 3], dim=-1).double()


@pytest.fixture
def case(device):
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, device=device)
    return features, random_boxes(2, 4, 5, 1 / 8).to(device)


def weighted_gradient(function, input):
    leaf = input.clone().requires_grad_()
    output = function(leaf)
    weights = torch.arange(output.numel(), dtype=output.dtype, device=output.device).view_as(output).sin()
    return torch.autograd.grad((output * weights).sum(), leaf)[0]


class TestFeatureAlign:
    @pytest.mark.parametrize("points", [1, 5])
    def test_naive_loop(self, case, points):
        features, boxes = case
        result = rotated_feature_align(features, boxes, 1 / 8, points)
        torch.testing.assert_close(result, naive_align(features, boxes, 1 / 8, points))
        assert rotated_feature_align(features, boxes.flatten(0, 2), 1 / 8, points).equal(result)  # as mmrotate has them
        gradients = [
            weighted_gradient(lambda x, function=function: function(x, boxes, 1 / 8, points), features)
            for function in (rotated_feature_align, naive_align)
        ]
        torch.testing.assert_close(*gradients)

    def test_mmcvs_numbers(self, device):
        """The first row of the first map in tests/test_ops/test_rotated_feature_align.py @ 04cc778 of mmcv."""
        plane = [
            [1.2924, -0.2172, -0.5222, 0.1172],
            [0.9144, 1.2248, 1.3115, -0.9690],
            [-0.8949, -1.1797, -0.9093, -0.3961],
            [-0.4586, 0.5062, -0.7947, -0.7397],
        ]
        row = [
            [13.080, 12.688, 11.214, 93.944, -0.91905],
            [38.104, 10.134, 146.59, 90.306, -0.98211],
            [-53.213, 49.508, 51.513, 32.055, -0.31954],
            [26.974, 25.248, 54.495, 3.1083, -0.62127],
        ]
        features = torch.tensor([[plane]], device=device)
        boxes = torch.zeros(1, 4, 4, 5, device=device)
        boxes[0, 0] = torch.tensor(row, device=device)
        result = rotated_feature_align(features, boxes, spatial_scale=1 / 8, points=1)[0, 0, 0].cpu()
        # the middles of the second and the third box lie outside of the map
        expected = torch.tensor([1.1095, -0.2172, -0.5222, -0.6225])
        torch.testing.assert_close(result, expected, atol=1e-2, rtol=1e-2)

    def test_gradcheck(self, case):
        features, boxes = case
        assert torch.autograd.gradcheck(
            lambda x: rotated_feature_align(x, boxes, 1 / 8, 5), features.requires_grad_(), fast_mode=True
        )

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, case, dtype):
        features, boxes = (tensor.to(dtype) for tensor in case)
        leaves = [features.clone().requires_grad_(), features.float().requires_grad_()]
        half = rotated_feature_align(leaves[0], boxes, 1 / 8, 5)
        full = rotated_feature_align(leaves[1], boxes.float(), 1 / 8, 5)
        assert half.equal(full.to(dtype))
        for output in (half, full):
            output.sum().backward()
        torch.testing.assert_close(leaves[0].grad, leaves[1].grad.to(dtype))

    def test_unknown_points(self, case):
        from mmcv._ext import rotated_feature_align_forward

        with pytest.raises(ValueError, match="points=4"):
            rotated_feature_align_forward(*case, torch.empty_like(case[0]), spatial_scale=1.0, points=4)


def eighths_of_a_turn(orientations):
    """Where the numbers of 3 x 3 kernels lie after each eighth of a turn, counted from 1: (O, 3, 3, 8).

    The rim moves on by one, and the orientations too: the table of mmcv's tests/test_ops/test_active_rotated_filter.py
    @ 04df825 for one orientation.
    """
    rim = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    table = torch.empty(orientations, 3, 3, 8, dtype=torch.int32)
    for orientation in range(orientations):
        for turn in range(8):
            layer = (orientation + turn * orientations // 8) % orientations * 9
            table[orientation, 1, 1, turn] = layer + 5
            for place, (row, column) in enumerate(rim):
                to_row, to_column = rim[(place + turn) % 8]
                table[orientation, row, column, turn] = layer + 3 * to_row + to_column + 1
    return table


class TestActiveRotatedFilter:
    def test_mmcvs_table_and_numbers(self, device):
        """The first filter of tests/test_ops/test_active_rotated_filter.py @ 04df825 of mmcv, in four of its turns."""
        table = eighths_of_a_turn(1)
        assert table[0, 0].tolist() == [
            [1, 2, 3, 6, 9, 8, 7, 4],
            [2, 3, 6, 9, 8, 7, 4, 1],
            [3, 6, 9, 8, 7, 4, 1, 2],
        ]
        a, b, c, d, e, f, g, h, i = [-0.14934, 1.1341, -0.16241, -1.0986, -1.1463, -1.3176, 1.4808, 0.76572, -1.4548]
        kernel = torch.tensor([[[[[a, b, c], [d, e, f], [g, h, i]]]]], device=device)
        result = active_rotated_filter(kernel, table.to(device)).cpu()
        expected = torch.tensor(
            [
                [[a, b, c], [d, e, f], [g, h, i]],
                [[d, a, b], [g, e, c], [h, i, f]],
                [[g, d, a], [h, e, b], [i, f, c]],
                [[h, g, d], [i, e, a], [f, c, b]],
            ]
        )
        assert result.shape == (8, 1, 3, 3)
        assert result[:4, 0].equal(expected)

    def test_quarters_of_a_turn_are_those_of_torch(self, device):
        filters = torch.randn(3, 2, 4, 3, 3, dtype=torch.float64, device=device)
        result = active_rotated_filter(filters, eighths_of_a_turn(4).to(device)).unflatten(0, (3, 8))
        for quarter in range(4):
            turned = filters.roll(quarter, dims=2).rot90(-quarter, dims=(3, 4)).flatten(1, 2)
            assert result[:, 2 * quarter].equal(turned)

    def test_gradient(self, device):
        filters = torch.randn(3, 2, 8, 3, 3, dtype=torch.float64, device=device, requires_grad=True)
        table = eighths_of_a_turn(8).to(device)
        assert torch.autograd.gradcheck(lambda x: active_rotated_filter(x, table), filters, fast_mode=True)
        output = active_rotated_filter(filters, table)
        (gradient,) = torch.autograd.grad(output.sum(), filters)
        assert gradient.eq(8).all()  # as in mmcv's file: each number has a place in every turn

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision(self, dtype, device):
        filters = torch.randn(3, 2, 8, 3, 3, device=device).to(dtype).requires_grad_()
        table = eighths_of_a_turn(8).to(device)
        output = active_rotated_filter(filters, table)
        assert output.equal(active_rotated_filter(filters.float(), table).to(dtype))
        output.sum().backward()
        assert filters.grad.eq(8).all()
