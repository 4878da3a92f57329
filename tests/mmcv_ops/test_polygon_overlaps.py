"""Which pairs of polygons are looked at, and what they share, against shapely."""

import shapely
import torch

from cnxv2_mm.mmcv_ops.polygon_overlaps import IOF, IOU, polygon_overlaps, shared_by_quads, shared_with_quads

ARROW = [(0.0, 0.0), (4.0, 2.0), (0.0, 4.0), (1.0, 2.0)]  # concave at its last corner
SQUARE = [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (0.0, 3.0)]


def batch(*polygons, device):
    return torch.tensor(polygons, dtype=torch.float64, device=device)


def test_a_concave_quadrilateral_in_both_directions(device):
    expected = shapely.Polygon(ARROW).intersection(shapely.Polygon(SQUARE)).area
    arrow, square = batch(ARROW, ARROW[::-1], device=device), batch(SQUARE, SQUARE, device=device)
    for shared in (shared_by_quads(arrow, square), shared_by_quads(square, arrow), shared_with_quads(square, arrow)):
        torch.testing.assert_close(shared.abs().cpu(), torch.tensor([expected, expected], dtype=torch.float64))


def test_pairs_that_cannot_meet_are_left_out(device):
    first = torch.rand(40, 1, 2, dtype=torch.float64, device=device) * 100 + torch.tensor(SQUARE, device=device)
    second = torch.rand(50, 1, 2, dtype=torch.float64, device=device) * 100 + torch.tensor(ARROW, device=device)
    seen = []

    def shared(polygons, others):
        seen.append(len(polygons))
        return shared_by_quads(polygons, others)

    overlaps = torch.zeros(40, 50, dtype=torch.float64, device=device)
    for rows, columns, overlap in polygon_overlaps(first, second, shared, IOF):
        assert (rows.diff() >= 0).all()
        overlaps[rows, columns] = overlap
    polygons, others = shapely.polygons(first.cpu().numpy())[:, None], shapely.polygons(second.cpu().numpy())[None]
    expected = torch.from_numpy(shapely.area(shapely.intersection(polygons, others)) / shapely.area(polygons))
    torch.testing.assert_close(overlaps.cpu(), expected)
    assert (expected > 0).sum() < sum(seen) < 40 * 50 / 10


def test_aligned_pairs_are_all_there(device):
    squares = batch(SQUARE, SQUARE, device=device)
    far = squares + torch.tensor([[[0.0, 0.0]], [[50.0, 0.0]]], device=device)
    (found,) = polygon_overlaps(squares, far, shared_by_quads, IOU, aligned=True)
    assert [part.tolist() for part in found] == [[0, 1], [0, 1], [1.0, 0.0]]
