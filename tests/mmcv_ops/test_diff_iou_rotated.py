"""IoU that can be differentiated, by mmcv's functions, of which the order of the corners is ours."""

import math

import pytest
import shapely
import torch
from mmcv.ops import diff_iou_rotated_2d, diff_iou_rotated_3d
from mmcv.ops.diff_iou_rotated import SortVertices

from cnxv2_mm.mmcv_ops.convex_polygons import rotated_corners


def random_boxes(count):
    return torch.cat(
        [torch.rand(1, count, 2) * 12, torch.rand(1, count, 2) * 9 + 1, torch.rand(1, count, 1) * 6 - 3], dim=2
    ).double()


def shapely_iou(first, second):
    polygons, others = (shapely.polygons(rotated_corners(boxes[0]).numpy()) for boxes in (first, second))
    shared = shapely.area(shapely.intersection(polygons, others))
    return torch.from_numpy(shared / (shapely.area(polygons) + shapely.area(others) - shared))[None]


class TestIoU:
    def test_mmcvs_numbers_2d(self, device):
        """tests/test_ops/test_diff_iou_rotated.py @ 0038e70 of mmcv."""
        unit = [0.5, 0.5, 1, 1]
        others = [[*unit, 0], [*unit, math.pi / 2], [*unit, math.pi / 4], [1.0, 1, 1, 1, 0], [1.5, 1.5, 1, 1, 0]]
        first, second = torch.tensor([[[*unit, 0]] * 5], device=device), torch.tensor([others], device=device)
        expected = torch.tensor([[1, 1, 0.7071, 1 / 7, 0]])
        torch.testing.assert_close(diff_iou_rotated_2d(first, second).cpu(), expected, atol=1e-4, rtol=0)

    def test_mmcvs_numbers_3d(self, device):
        unit = [0.5, 0.5, 0.5, 1, 1]
        others = [[*unit, 1, 0], [*unit, 2, math.pi / 2], [*unit, 1, math.pi / 4]]
        others += [[1.0, 1, 1, 1, 1, 1, 0], [-1.5, -1.5, -1.5, 2.5, 2.5, 2.5, 0]]
        first, second = torch.tensor([[[*unit, 1, 0]] * 5], device=device), torch.tensor([others], device=device)
        expected = torch.tensor([[1, 0.5, 0.7071, 1 / 15, 0]])
        torch.testing.assert_close(diff_iou_rotated_3d(first, second).cpu(), expected, atol=1e-4, rtol=0)

    def test_shapely(self, device):
        first, second = random_boxes(200), random_boxes(200)
        expected = shapely_iou(first, second)
        torch.testing.assert_close(diff_iou_rotated_2d(first.to(device), second.to(device)).cpu(), expected)
        assert 20 < (expected > 0).sum() < 180

    @pytest.mark.parametrize("difference", [0.0, 1e-9, 1e-7, 1e-5, 1e-3])
    @pytest.mark.parametrize("moved", range(5))
    def test_boxes_that_almost_coincide(self, moved, difference, device):
        """All eight corners and up to eight crossings are candidates then.

        Here shapely cannot be the oracle: it takes some of these pairs for disjoint. The IoU is that of the plain
        formula for sides, and differs from 1 by no more than that of boxes moved across their shorter side. mmcv takes
        corners for inside up to 1e-6 of a side.
        """
        first = random_boxes(100)
        second = first.clone()
        second[..., moved] += difference
        result = diff_iou_rotated_2d(first.to(device), second.to(device)).cpu()
        sides, longest = first[..., 2:4], first[..., 2:4].amax(dim=-1)
        if moved in (2, 3):
            side = sides[..., moved - 2]
            torch.testing.assert_close(result, side / (side + difference), atol=1e-5, rtol=0)
        else:
            distance = difference * (longest if moved == 4 else 1)
            assert (result <= 1 + 1e-5).all()
            assert (result >= 1 - 4 * distance / sides.amin(dim=-1) - 1e-5).all()

    def test_gradient_of_shapelys_numbers(self, device):
        first, second = random_boxes(30), random_boxes(30)
        leaf = first.to(device, copy=True).requires_grad_()
        (gradient,) = torch.autograd.grad(diff_iou_rotated_2d(leaf, second.to(device)).sum(), leaf)
        for number in range(5):
            step = torch.zeros(5).double()
            step[number] = 1e-5
            expected = (shapely_iou(first + step, second) - shapely_iou(first - step, second)) / 2e-5
            torch.testing.assert_close(gradient[..., number].cpu(), expected, atol=1e-5, rtol=0)
        assert gradient.any()


class TestOrder:
    """Of 24 candidates, of which eight are corners of boxes; 8 is the first crossing that is no corner."""

    @staticmethod
    def sort(points, device, first=0):
        vertices, mask = torch.zeros(1, 1, 24, 2), torch.zeros(1, 1, 24, dtype=torch.bool)
        vertices[0, 0, first : first + len(points)] = torch.tensor(points).float()
        mask[0, 0, first : first + len(points)] = True
        number = mask.sum(dim=2).int()
        indices = SortVertices.apply(vertices.to(device), mask.to(device), number.to(device))
        assert indices.dtype == torch.int32
        return indices.flatten().tolist()

    def test_from_the_x_axis_to_the_y_axis(self, device):
        assert self.sort([(-1, -1), (1, -1), (1, 1), (-1, 1)], device) == [2, 3, 0, 1, 2, 8, 8, 8, 8]

    def test_crossings_that_are_corners_are_no_padding(self, device):
        assert self.sort([(-1, -1), (1, -1), (1, 1)], device, first=7) == [9, 7, 8, 9, 10, 10, 10, 10, 10]

    def test_fewer_than_three(self, device):
        assert self.sort([(-1, -1), (1, 1)], device) == [8] * 9

    def test_corners_of_both_boxes_at_one_place_are_one(self, device):
        square = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        assert self.sort(square * 2, device) == [2, 3, 0, 1, 2, 8, 8, 8, 8]

    def test_a_crossing_at_a_corner_is_no_padding(self, device):
        """Its place is not the zero that the padding stands for."""
        vertices = torch.zeros(1, 1, 24, 2, device=device)
        vertices[0, 0, :4] = torch.tensor([(-1.0, -1), (1, -1), (1, 1), (-1, 1)])
        vertices[0, 0, 8] = vertices[0, 0, 0]
        mask = vertices.any(dim=-1)
        indices = SortVertices.apply(vertices, mask, mask.sum(dim=2).int())
        assert indices.flatten().tolist() == [2, 3, 0, 1, 2, 9, 9, 9, 9]

    def test_of_more_than_eight_those_that_span_least_are_left_out(self, device):
        """Nine corners of a ring, the last of which almost is on the line between its neighbours."""
        ring = [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]
        between = (0.5001 * (ring[7][0] + ring[6][0]), 0.5001 * (ring[7][1] + ring[6][1]))
        order = self.sort([*ring, between], device)
        assert 8 not in order
        assert sorted(order[:8]) == list(range(8))
        assert order[8] == order[0]
