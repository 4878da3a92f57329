"""Polygons that are clipped, measured and wrapped, against shapely."""

import pytest
import shapely
import torch

from cnxv2_mm.mmcv_ops.convex_polygons import convex_hull, pick, rotated_corners, shared_area, signed_area

# A hexagon, a triangle, a square, one with corners that are named twice; all turn from the x axis to the y axis.
HEXAGON = [(2, 0), (1, 2), (-1, 2), (-2, 0), (-1, -2), (1, -2)]
TRIANGLE = [(0, 0), (3, 0.5), (1, 3)]
SQUARE = [(0, 0), (2, 0), (2, 2), (0, 2)]
REPEATED = [(0, 0), (0, 0), (2, 0), (2, 2), (2, 2), (0, 2)]
POLYGONS = {"hexagon": HEXAGON, "triangle": TRIANGLE, "square": SQUARE, "repeated": REPEATED}


def batch(polygon, device, shift=(0.0, 0.0)):
    return torch.tensor([polygon], dtype=torch.float64, device=device) + torch.tensor(shift, device=device)


def random_boxes(count):
    centre, sides, angle = torch.rand(count, 2) * 30, torch.rand(count, 2) * 15 + 1, torch.rand(count, 1) * 8 - 4
    return torch.cat([centre, sides, angle], dim=1).double()


class TestRotatedCorners:
    def test_the_box_of_mmcvs_documentation(self, device):
        """Corner A of ``mmcv.ops.box_iou_rotated``'s drawing: x - w/2 cos + h/2 sin, y - w/2 sin - h/2 cos."""
        x, y, w, h, angle = box = torch.tensor([3.0, 4.0, 5.0, 2.0, 0.3], dtype=torch.float64, device=device)
        expected = torch.stack(
            [x - w / 2 * angle.cos() + h / 2 * angle.sin(), y - w / 2 * angle.sin() - h / 2 * angle.cos()]
        )
        torch.testing.assert_close(rotated_corners(box[None])[0, 0], expected)

    def test_shapelys_rotation(self, device):
        boxes = random_boxes(20)
        for corners, (x, y, w, h, angle) in zip(rotated_corners(boxes.to(device)).cpu(), boxes.tolist(), strict=True):
            upright = shapely.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            turned = shapely.affinity.rotate(upright, angle, use_radians=True)
            assert shapely.Polygon(corners.numpy()).symmetric_difference(turned).area < 1e-9


class TestAreas:
    @pytest.mark.parametrize("name", POLYGONS)
    def test_signed_area(self, name, device):
        polygon = batch(POLYGONS[name], device)
        assert signed_area(polygon).item() == pytest.approx(shapely.Polygon(POLYGONS[name]).area)
        assert signed_area(polygon.flip(1)).item() == pytest.approx(-shapely.Polygon(POLYGONS[name]).area)

    @pytest.mark.parametrize("window", POLYGONS)
    @pytest.mark.parametrize("name", POLYGONS)
    @pytest.mark.parametrize("shift", [(0.0, 0.0), (0.7, 0.4), (-1.3, 1.1), (2.0, 0.0), (0.5, 0.5), (9.0, 0.0)])
    def test_shared_area(self, name, window, shift, device):
        """Among the shifts: the same place, a shared side, a touching corner, apart."""
        polygon, other = batch(POLYGONS[name], device), batch(POLYGONS[window], device, shift)
        expected = shapely.Polygon(polygon[0].cpu().numpy()).intersection(shapely.Polygon(other[0].cpu().numpy())).area
        assert shared_area(polygon, other).item() == pytest.approx(expected, abs=1e-12)
        assert shared_area(polygon.flip(1), other).item() == pytest.approx(-expected, abs=1e-12)
        assert shared_area(polygon, other.flip(1)).item() == pytest.approx(-expected, abs=1e-12)

    def test_random_boxes(self, device):
        first, second = rotated_corners(random_boxes(200)), rotated_corners(random_boxes(200))
        expected = shapely.area(shapely.intersection(shapely.polygons(first), shapely.polygons(second)))
        torch.testing.assert_close(shared_area(first.to(device), second.to(device)).cpu(), torch.from_numpy(expected))
        assert 20 < (expected > 0).sum() < 180

    def test_a_window_without_area_shares_nothing(self, device):
        line = batch([(0, 0), (2, 2), (1, 1)], device)
        assert shared_area(batch(SQUARE, device), line).item() == 0

    def test_no_polygons(self, device):
        none = torch.zeros(0, 4, 2, dtype=torch.float64, device=device)
        assert shared_area(none, none).shape == (0,)

    def test_gradcheck(self, device):
        first, second = rotated_corners(random_boxes(30)).to(device), rotated_corners(random_boxes(30)).to(device)
        meets = shared_area(first, second) > 0
        assert meets.any()
        leaves = first[meets].requires_grad_(), second[meets].requires_grad_()
        assert torch.autograd.gradcheck(shared_area, leaves, fast_mode=True)

    def test_gradient_where_a_corner_lies_on_a_side(self, device):
        """Only the triangle beyond the line x + y = 4 is cut off a square whose corner is on it: nothing to first
        order."""
        square = batch(SQUARE, device)
        corner = batch([(-4, -4), (4, 0), (0, 4)], device).requires_grad_()
        (gradient,) = torch.autograd.grad(shared_area(corner, square).sum(), corner)
        torch.testing.assert_close(gradient, torch.zeros_like(gradient))


class TestConvexHull:
    @pytest.mark.parametrize("grid", [False, True])
    def test_shapely(self, grid, device):
        """On a grid many points coincide or lie on one line."""
        points = torch.randint(0, 4, (60, 9, 2)).double() if grid else torch.rand(60, 9, 2).double()
        hulls = pick(points.to(device), convex_hull(points.to(device))).cpu()
        expected = [shapely.convex_hull(shapely.multipoints(p)) for p in points]
        for hull, reference in zip(hulls, expected, strict=True):
            assert shapely.Polygon(hull.numpy()).symmetric_difference(reference).area < 1e-12
        torch.testing.assert_close(signed_area(hulls), torch.tensor([e.area for e in expected]).double())

    def test_starts_at_the_lowest_point_and_repeats_it(self, device):
        points = batch([(2, 2), (1, 1), (2, 0), (0, 0), (0, 2), (1, 0)], device)
        assert convex_hull(points).tolist() == [[3, 2, 0, 4, 3, 3]]

    @pytest.mark.parametrize(
        ("points", "hull"),
        [([(1, 1)] * 3, [0, 0, 0]), ([(0, 0), (1, 1), (2, 2)], [0, 2, 0]), ([(1, 0), (0, 0), (2, 0)], [1, 2, 1])],
    )
    def test_points_without_an_area(self, points, hull, device):
        assert convex_hull(batch(points, device)).tolist() == [hull]
