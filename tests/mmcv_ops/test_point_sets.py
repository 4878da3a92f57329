"""Point sets against polygons, through mmcv's functions: its own numbers, shapely's, and definitions by loops.

mmcv's numbers are in its ``tests/test_ops``, at the commits named.
"""

import pytest
import shapely
import torch
from mmcv.ops import chamfer_distance, convex_giou, convex_iou, min_area_polygons, points_in_polygons

# test_convex_iou.py @ 6c1c22f
SETS = torch.tensor(
    [
        [1.0, 1, 2, 2, 1, 2, 2, 1, 1, 3, 3, 1, 2, 3, 3, 2, 1.5, 1.5],
        [1.5, 1.5, 2.5, 2.5, 1.5, 2.5, 2.5, 1.5, 1.5, 3.5, 3.5, 1.5, 2.5, 3.5, 3.5, 2.5, 2, 2],
    ]
)
POLYGONS = torch.tensor([[1.0, 1, 1, 2, 2, 2, 2, 1], [1.0, 1, 1, 3, 3, 3, 3, 1]])
GIOU = torch.tensor([0.2857, 0.3831])
GRADIENT = torch.tensor(
    [
        *[-0.1848, -0.1848, 0, 0, 0, 0, 0, 0, -0.1076],
        *[-0.0801, -0.0801, -0.1076, -0.0367, -0.0734, -0.0734, -0.0367, 0, 0],
    ]
)


def random_sets(count):
    return ((torch.rand(count, 9, 2) * 12) + torch.rand(count, 1, 2) * 20).flatten(1)


def random_quads(count):
    """Simple quadrilaterals in both directions, some of them concave."""
    angle = (torch.rand(count, 4) * 0.8 + torch.arange(4)) * torch.pi / 2
    radius = torch.rand(count, 4) * 9 + 1
    corners = torch.stack([angle.cos() * radius, angle.sin() * radius], dim=-1) + torch.rand(count, 1, 2) * 25 + 4
    corners[::2] = corners[::2].flip(1)
    return corners.flatten(1)


def hulls(sets):
    return shapely.convex_hull(shapely.multipoints(sets.double().unflatten(1, (9, 2)).numpy()))


def polygons(quads):
    return shapely.polygons(quads.double().unflatten(1, (4, 2)).numpy())


def shapely_iou(first, second):
    shared = shapely.area(shapely.intersection(first, second))
    return shared / (shapely.area(first) + shapely.area(second) - shared)


def shapely_giou(sets, quads):
    first, second = hulls(sets), polygons(quads)
    union = shapely.area(shapely.union(first, second))
    around = shapely.area(shapely.convex_hull(shapely.union(first, second)))
    return torch.from_numpy(shapely_iou(first, second) - (around - union) / around)


class TestConvexIoU:
    def test_mmcvs_numbers(self, device):
        expected = torch.tensor([[0.2857, 0.8750], [0.0588, 0.4286]])
        torch.testing.assert_close(convex_iou(SETS.to(device), POLYGONS.to(device)).cpu(), expected, atol=1e-4, rtol=0)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
    def test_shapely(self, dtype, device):
        sets, quads = random_sets(40).to(dtype), random_quads(30).to(dtype)
        expected = torch.from_numpy(shapely_iou(hulls(sets)[:, None], polygons(quads)[None]))
        result = convex_iou(sets.to(device), quads.to(device))
        assert result.dtype == dtype
        torch.testing.assert_close(result.cpu().double(), expected, atol=1e-5 + torch.finfo(dtype).eps, rtol=0)
        assert 0.1 < (expected > 0).double().mean() < 0.9

    def test_none(self, device):
        assert convex_iou(SETS.to(device)[:0], POLYGONS.to(device)).shape == (0, 2)
        assert convex_iou(SETS.to(device), POLYGONS.to(device)[:0]).shape == (2, 0)


class TestConvexGIoU:
    def test_mmcvs_numbers(self, device):
        giou, gradient = convex_giou(SETS.to(device), POLYGONS.to(device))
        torch.testing.assert_close(giou.cpu(), GIOU, atol=1e-4, rtol=0)
        torch.testing.assert_close(gradient[1].cpu(), GRADIENT, atol=1e-4, rtol=0)

    def test_gradient_where_there_are_two(self):
        """Each corner of the first hull is on the polygon's outline or beside it: the derivatives from both sides
        bound the gradient. (mmcv's file has other numbers between them.)"""
        sets, quads = SETS[:1].double(), POLYGONS[:1].double()
        giou, gradient = convex_giou(sets, quads)
        steps = torch.eye(18).double() * 1e-6
        sides = [
            (convex_giou(sets + step, quads.expand(18, -1))[0] - giou) / step.sum(dim=1) for step in (steps, -steps)
        ]
        low, high = torch.minimum(*sides) - 1e-5, torch.maximum(*sides) + 1e-5
        assert ((low <= gradient[0]) & (gradient[0] <= high)).all()

    def test_shapely(self, device):
        sets, quads = random_sets(200), random_quads(200)
        giou, _ = convex_giou(sets.to(device), quads.to(device))
        torch.testing.assert_close(giou.cpu(), shapely_giou(sets, quads).float(), atol=1e-5, rtol=0)
        assert (giou < 0).any()
        assert (giou > 0).any()

    def test_gradient_of_shapelys_numbers(self, device):
        sets, quads = random_sets(20).double(), random_quads(20).double()
        _, gradient = convex_giou(sets.to(device), quads.to(device))
        step = 1e-5
        for number in range(18):
            moved = torch.zeros(18).double()
            moved[number] = step
            expected = (shapely_giou(sets + moved, quads) - shapely_giou(sets - moved, quads)) / (2 * step)
            torch.testing.assert_close(gradient[:, number].cpu(), expected, atol=1e-5, rtol=0)

    def test_chunks_are_put_together(self, monkeypatch, device):
        sets, quads = random_sets(20).to(device), random_quads(20).to(device)
        expected = convex_giou(sets, quads)
        monkeypatch.setattr("cnxv2_mm.mmcv_ops.point_sets._DIFFERENTIATED_AT_ONCE", 7)
        torch.testing.assert_close(convex_giou(sets, quads), expected)

    def test_none(self, device):
        giou, gradient = convex_giou(SETS.to(device)[:0], POLYGONS.to(device)[:0])
        assert giou.shape == (0,)
        assert gradient.shape == (0, 18)

    def test_inside_of_no_grad(self, device):
        """Where a loss computes it: in the forward pass of an operation of its own."""
        with torch.no_grad():
            assert convex_giou(SETS.to(device), POLYGONS.to(device))[1].any()


class TestPointsInPolygons:
    def test_mmcvs_numbers(self, device):
        """test_points_in_polygons.py @ 018c4c7; the first two points are on outlines."""
        points = torch.tensor([[300.0, 300], [400, 400], [100, 100], [300, 250], [100, 0]])
        quads = torch.tensor(
            [
                [200.0, 200, 400, 400, 500, 200, 400, 100],
                [400.0, 400, 500, 500, 600, 300, 500, 200],
                [300.0, 300, 600, 700, 700, 700, 700, 100],
            ]
        )
        expected = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0]])
        assert points_in_polygons(points.to(device), quads.to(device)).cpu().equal(expected)

    @pytest.mark.parametrize("grid", [False, True])
    def test_shapely(self, grid, monkeypatch, device):
        """On a grid many points are on outlines: these are not inside."""
        points, quads = torch.rand(300, 2) * 33, random_quads(20)
        if grid:
            x, y = torch.randint(0, 4, (2, 20))
            quads = torch.stack([x, y, x + 3, y, x + 3, y + 2, x + 1, y + 4], dim=1).float()
            points = torch.cartesian_prod(torch.arange(9.0), torch.arange(9.0))
        expected = shapely.contains_properly(polygons(quads)[None], shapely.points(points.double().numpy())[:, None])
        for at_once in (2**20, 50):
            monkeypatch.setattr("cnxv2_mm.mmcv_ops.point_sets._TESTED_AT_ONCE", at_once)
            result = points_in_polygons(points.to(device), quads.to(device))
            assert result.cpu().bool().numpy().tolist() == expected.tolist()
        assert 0 < expected.sum() < expected.size

    def test_none(self, device):
        quads = POLYGONS.to(device)
        assert points_in_polygons(torch.zeros(0, 2, device=device), quads).shape == (0, 2)
        assert points_in_polygons(torch.zeros(3, 2, device=device), quads[:0]).shape == (3, 0)


class TestMinAreaPolygons:
    def test_mmcvs_numbers(self, device):
        """test_min_area_polygons.py @ 2f6d113; around the second set there are two rectangles of the same area."""
        sets = torch.stack([SETS[0], SETS[0]])
        sets[1, 2:4] = 8
        expected = torch.tensor([[3.0, 1, 1, 1, 1, 3, 3, 3], [8, 8, 2.3243, 0.0541, 0.0541, 1.6757, 5.7297, 9.6216]])
        torch.testing.assert_close(min_area_polygons(sets.to(device)).cpu(), expected, atol=1e-4, rtol=0)
        # of the two rectangles the first side's is taken, however the numbers are rounded
        scales, shifts = torch.rand(100, 1) + 0.5, torch.rand(100, 1) * 100
        moved = min_area_polygons((sets[1:] * scales + shifts).double().to(device)).cpu().float()
        torch.testing.assert_close(moved, expected[1:] * scales + shifts, atol=1e-3, rtol=0)

    def test_shapely(self, device):
        sets = random_sets(100).double()
        for polygon, hull in zip(min_area_polygons(sets.to(device)).cpu(), hulls(sets), strict=True):
            rectangle = shapely.Polygon(polygon.unflatten(0, (4, 2)).numpy())
            assert rectangle.area == pytest.approx(shapely.minimum_rotated_rectangle(hull).area)
            assert rectangle.buffer(1e-6).contains(hull)
            sides = polygon.unflatten(0, (4, 2)).diff(dim=0)
            assert (sides[:-1] * sides[1:]).sum(dim=1).abs().max() < 1e-9

    @pytest.mark.parametrize("second", [(2.0, 3.0), (6.0, 7.0)])
    def test_points_without_an_area(self, second, device):
        sets = torch.tensor([[2.0, 3.0] * 8 + list(second)], device=device)
        corners = min_area_polygons(sets).unflatten(1, (4, 2)).cpu()
        distances = torch.cdist(corners, torch.tensor([[2.0, 3.0], second]))
        assert distances.min(dim=-1).values.max() < 1e-5

    def test_half_precision(self, device):
        sets = random_sets(10).half().to(device)
        expected = min_area_polygons(sets.double())
        torch.testing.assert_close(min_area_polygons(sets), expected.half())


class TestChamferDistance:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
    def test_naive_loop(self, dtype, device):
        first, second = (torch.rand(2, n, 2) * 20 - 10 for n in (7, 5))
        first, second = first.to(dtype), second.to(dtype)
        results = chamfer_distance(first.to(device), second.to(device))
        assert [result.dtype for result in results] == [dtype, dtype, torch.int32, torch.int32]
        for here, there, distance, index in ((first, second, *results[::2]), (second, first, *results[1::2])):
            for b in range(2):
                for n, point in enumerate(here[b].double()):
                    squares = [float((point - other).square().sum()) for other in there[b].double()]
                    assert distance[b, n].item() == pytest.approx(min(squares), rel=2 * torch.finfo(dtype).eps)
                    assert index[b, n] == squares.index(min(squares))

    def test_gradient(self, device):
        leaves = [torch.rand(2, n, 2, dtype=torch.float64, device=device, requires_grad=True) for n in (7, 5)]
        assert torch.autograd.gradcheck(lambda *points: chamfer_distance(*points)[:2], leaves)

    def test_of_equally_near_points_the_first_counts(self, device):
        points = torch.tensor([[[1.0, 0], [-1, 0], [1, 0]]], device=device)
        assert chamfer_distance(torch.zeros(1, 1, 2, device=device), points)[2].item() == 0
