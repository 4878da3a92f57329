"""Overlaps and suppression of rotated boxes and quadrilaterals, through mmcv's functions.

Expected numbers are mmcv's own where a test says so (files in its ``tests/test_ops`` at the commit named); the others
are shapely's.
"""

import math

import numpy as np
import pytest
import shapely
import torch
from mmcv.ops import batched_nms, box_iou_quadri, box_iou_rotated, nms_quadri, nms_rotated

from cnxv2_mm.mmcv_ops.convex_polygons import rotated_corners

# test_box_iou_rotated.py @ 2b7c0e6
BOXES = torch.tensor([[1.0, 1.0, 3.0, 4.0, 0.5], [2.0, 2.0, 3.0, 4.0, 0.6], [7.0, 7.0, 8.0, 8.0, 0.4]])
OTHERS = torch.tensor([[0.0, 2.0, 2.0, 5.0, 0.3], [2.0, 1.0, 3.0, 3.0, 0.5], [5.0, 5.0, 6.0, 7.0, 0.4]])
PUBLISHED = {
    "iou": [[0.3708, 0.4351, 0.0000], [0.1104, 0.4487, 0.0424], [0.0000, 0.0000, 0.3622]],
    "iof": [[0.4959, 0.5306, 0.0000], [0.1823, 0.5420, 0.1832], [0.0000, 0.0000, 0.4404]],
}
# test_nms_rotated.py @ 1956f83
TO_SUPPRESS = torch.tensor(
    [[6.0, 3.0, 8.0, 7.0, 0.5], [3.0, 6.0, 9.0, 11.0, 0.6], [3.0, 7.0, 10.0, 12.0, 0.3], [1.0, 4.0, 13.0, 7.0, 0.6]]
)
SCORES = torch.tensor([0.7, 0.8, 0.5, 0.9])
LABELS = torch.tensor([1.0, 0, 1, 0])
# test_nms_quadri.py @ 0110ea2
QUADS = torch.tensor(
    [[1.0, 1, 3, 4, 4, 4, 4, 1], [2.0, 2, 3, 4, 4, 2, 3, 1], [7.0, 7, 8, 8, 9, 7, 8, 6], [0.0, 0, 0, 2, 2, 2, 2, 0]]
)
QUAD_SCORES = torch.tensor([0.7, 0.8, 0.5, 0.9])


def random_boxes(count, span=60.0):
    sides = torch.rand(count, 2) * 20 + 1
    return torch.cat([torch.rand(count, 2) * span, sides, (torch.rand(count, 1) - 0.5) * 10], dim=1)


def random_quads(count):
    """Four points around a centre at rising angles: simple, some of them concave, in both directions."""
    angle = (torch.rand(count, 4) * 0.8 + torch.arange(4)) * math.pi / 2
    radius = torch.rand(count, 4) * 20 + 1
    corners = torch.stack([angle.cos() * radius, angle.sin() * radius], dim=-1) + torch.rand(count, 1, 2) * 40
    corners[::2] = corners[::2].flip(1)
    return corners.flatten(1)


def rotated_polygons(boxes):
    return shapely.polygons(rotated_corners(boxes.double()).numpy())


def quad_polygons(quads):
    polygons = shapely.polygons(quads.double().unflatten(1, (4, 2)).numpy())
    assert shapely.is_valid(polygons).all()
    return polygons


def shapely_overlaps(first, second, mode="iou"):
    shared = shapely.area(shapely.intersection(first, second))
    area = shapely.area(first) + np.zeros_like(shared)
    return torch.from_numpy(shared / (area + shapely.area(second) - shared if mode == "iou" else area)).float()


def naive_nms(polygons, scores, threshold):
    kept = []
    for i in sorted(range(len(polygons)), key=lambda i: -scores[i]):
        if all(shapely_overlaps(polygons[[i]], polygons[[k]]) <= threshold for k in kept):
            kept.append(i)
    return kept


KINDS = {
    "rotated": (box_iou_rotated, nms_rotated, random_boxes, rotated_polygons),
    "quadri": (box_iou_quadri, nms_quadri, random_quads, quad_polygons),
}


@pytest.mark.parametrize("kind", KINDS)
class TestBothKinds:
    @pytest.mark.parametrize("mode", ["iou", "iof"])
    def test_shapely(self, kind, mode, device):
        overlaps, _, draw, polygons = KINDS[kind]
        first, second = draw(40), draw(50)
        expected = shapely_overlaps(polygons(first)[:, None], polygons(second)[None], mode)
        result = overlaps(first.to(device), second.to(device), mode)
        assert result.device.type == device.type
        assert result.dtype == torch.float32
        torch.testing.assert_close(result.cpu(), expected, atol=1e-5, rtol=0)
        assert 0.05 < (expected > 0).float().mean() < 0.95
        aligned = overlaps(first.to(device), second[:40].to(device), mode, aligned=True)
        torch.testing.assert_close(aligned.cpu(), expected.diagonal(), atol=1e-5, rtol=0)

    @pytest.mark.parametrize("threshold", [0.1, 0.4])
    def test_nms_by_a_loop(self, kind, threshold, device):
        _, nms, draw, polygons = KINDS[kind]
        boxes, scores = draw(60), torch.rand(60)
        dets, kept = nms(boxes.to(device), scores.to(device), threshold)
        assert kept.tolist() == naive_nms(polygons(boxes), scores.tolist(), threshold)
        torch.testing.assert_close(dets.cpu(), torch.cat([boxes, scores[:, None]], dim=1)[kept.cpu()])

    def test_chunks_are_put_together(self, kind, monkeypatch, device):
        overlaps, nms, draw, _ = KINDS[kind]
        boxes, scores = draw(30).to(device), torch.rand(30, device=device)
        results = []
        for at_once in (2**20, 7):
            for constant in ("_TESTED_AT_ONCE", "_CLIPPED_AT_ONCE"):
                monkeypatch.setattr(f"cnxv2_mm.mmcv_ops.polygon_overlaps.{constant}", at_once)
            results.append(
                (overlaps(boxes, boxes), overlaps(boxes, boxes.flip(0), aligned=True), *nms(boxes, scores, 0.2))
            )
        torch.testing.assert_close(*results, atol=0, rtol=0)

    def test_none(self, kind, device):
        overlaps, _, draw, _ = KINDS[kind]
        boxes = draw(3).to(device)
        assert overlaps(boxes[:0], boxes).shape == (0, 3)
        assert overlaps(boxes, boxes[:0]).shape == (3, 0)
        assert overlaps(boxes[:0], boxes[:0], aligned=True).shape == (0,)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_types(self, kind, dtype, device):
        overlaps, nms, draw, polygons = KINDS[kind]
        boxes = draw(20).to(dtype)
        expected = shapely_overlaps(polygons(boxes)[:, None], polygons(boxes)[None]).to(dtype)
        result = overlaps(boxes.to(device), boxes.to(device))
        assert result.dtype == dtype
        torch.testing.assert_close(result.cpu(), expected, atol=torch.finfo(dtype).eps + 1e-6, rtol=0)
        scores = (torch.randperm(20) / 32).to(dtype)
        kept = nms(boxes.to(device), scores.to(device), 0.3)[1]
        assert kept.tolist() == naive_nms(polygons(boxes), scores.tolist(), 0.3)

    def test_unknown_mode(self, kind):
        import mmcv._ext

        operator = getattr(mmcv._ext, f"box_iou_{kind}")
        with pytest.raises(ValueError, match="mode_flag=2"):
            operator(torch.zeros(1, 5), torch.zeros(1, 5), torch.zeros(1), 2, False) if kind == "rotated" else operator(
                torch.zeros(1, 8), torch.zeros(1, 8), torch.zeros(1), 2, False
            )


class TestRotated:
    @pytest.mark.parametrize("clockwise", [True, False])
    @pytest.mark.parametrize("mode", PUBLISHED)
    def test_mmcvs_numbers(self, mode, clockwise, device):
        turn = torch.tensor([1.0, 1, 1, 1, 1 if clockwise else -1])
        first, second = (BOXES * turn).to(device), (OTHERS * turn).to(device)
        expected = torch.tensor(PUBLISHED[mode])
        result = box_iou_rotated(first, second, mode, clockwise=clockwise).cpu()
        torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)
        aligned = box_iou_rotated(first, second, mode, aligned=True, clockwise=clockwise).cpu()
        torch.testing.assert_close(aligned, expected.diagonal(), atol=1e-4, rtol=0)

    @pytest.mark.parametrize("shift", [0.0, 3000.0])
    @pytest.mark.parametrize("angle", [0.0, 0.3, 1.1, -0.7, math.pi / 2])
    def test_shared_sides(self, angle, shift, device):
        """Boxes on a grid, turned together: the overlaps are those of the upright ones, by the plain formula.

        Here shapely cannot be the oracle: at 1.1 it takes two of these boxes for disjoint, one half of the other.
        """
        x1, y1 = (axis.flatten() for axis in torch.meshgrid(torch.arange(3.0), torch.arange(3.0), indexing="ij"))
        boxes = torch.cat([torch.stack([x1, y1, x1 + w, y1 + h], dim=1) for w in (1, 2) for h in (1, 3)]) * 5
        sides = torch.minimum(boxes[:, None, 2:], boxes[:, 2:]) - torch.maximum(boxes[:, None, :2], boxes[:, :2])
        shared, area = sides.clamp(min=0).prod(dim=-1), (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
        cos, sin = math.cos(angle), math.sin(angle)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ torch.tensor([[cos, sin], [-sin, cos]]) + shift
        turned = torch.cat([centre, boxes[:, 2:] - boxes[:, :2], torch.full_like(centre[:, :1], angle)], dim=1)
        # float32 places a centre at 3000 to 1e-4
        torch.testing.assert_close(
            box_iou_rotated(turned.to(device), turned.to(device)).cpu(),
            shared / (area[:, None] + area - shared),
            atol=1e-4 if shift else 1e-6,
            rtol=0,
        )

    def test_scores_behind_the_boxes_are_left_aside(self, device):
        """mmrotate's evaluation hands over (N, 6), and mmcv's compiled code reads the first five."""
        scored = torch.cat((BOXES, torch.rand(3, 1)), dim=1).to(device)
        found = box_iou_rotated(scored, OTHERS.to(device))
        assert found.equal(box_iou_rotated(BOXES.to(device), OTHERS.to(device)))

    def test_a_box_without_area_overlaps_nothing(self, device):
        """``area < 1e-14`` in mmcv's csrc."""
        boxes = torch.tensor([[0.0, 0, 4, 4, 0.3], [0, 0, 0, 4, 0.3], [0, 0, 0, 0, 0.0]], device=device)
        expected = torch.zeros(3, 3)
        expected[0, 0] = 1
        for mode in PUBLISHED:
            torch.testing.assert_close(box_iou_rotated(boxes, boxes, mode).cpu(), expected)

    @pytest.mark.parametrize("labels", [None, LABELS])
    def test_mmcvs_suppression(self, labels, device):
        """The same boxes stay with labels, though the second and the third, of IoU 0.72, have different ones."""
        labels = None if labels is None else labels.to(device)
        dets, kept = nms_rotated(TO_SUPPRESS.to(device), SCORES.to(device), 0.5, labels)
        assert kept.tolist() == [3, 1, 0]
        torch.testing.assert_close(dets[:, :5].cpu(), TO_SUPPRESS[kept.cpu()])

    def test_batched_nms_keeps_classes_apart(self, device):
        arguments = TO_SUPPRESS.to(device), SCORES.to(device), LABELS.to(device)
        _, kept = batched_nms(*arguments, {"type": "nms_rotated", "iou_threshold": 0.5})
        assert kept.tolist() == [3, 1, 0, 2]

    def test_a_box_at_the_threshold_stays(self, device):
        """``> iou_threshold`` in mmcv's csrc for GPUs, and "IoU greater than iou_threshold" in its documentation."""
        boxes = torch.tensor([[5.0, 5, 10, 10, 0], [5, 3, 10, 6, 0]], device=device)  # IoU 0.6
        scores = torch.tensor([0.9, 0.8], device=device)
        assert len(nms_rotated(boxes, scores, 0.6)[1]) == 2
        assert len(nms_rotated(boxes, scores, 0.5999)[1]) == 1

    def test_needs_little_memory(self):
        """2000 x 2000 boxes: at no time more tensor memory than 200 MB, of which the result takes 16."""
        boxes = random_boxes(2000, span=1000.0)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            box_iou_rotated(boxes, boxes)
        alive = peak = 0
        for event in sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
            if event.name() == "[memory]":
                alive += event.nbytes()
                peak = max(peak, alive)
        assert 16 < peak / 1e6 < 200


class TestQuadrilaterals:
    def test_mmcvs_numbers_for_rectangles(self, device):
        """test_box_iou_quadri.py @ 01b5e5b; the pairs of which one is no rectangle are shapely's above."""
        first = QUADS[[1, 2]].to(device)
        second = torch.tensor([[2.0, 1, 2, 4, 4, 4, 4, 1], [7.0, 6, 7, 8, 9, 8, 9, 6]], device=device)
        for mode, expected in (("iou", [0.5, 0.5]), ("iof", [1.0, 1.0])):
            result = box_iou_quadri(first, second, mode, aligned=True)
            torch.testing.assert_close(result.cpu(), torch.tensor(expected), atol=1e-4, rtol=0)

    @pytest.mark.parametrize("labels", [None, LABELS])
    def test_mmcvs_suppression(self, labels, device):
        labels = None if labels is None else labels.to(device)
        _, kept = nms_quadri(QUADS.to(device), QUAD_SCORES.to(device), 0.3, labels)
        assert kept.tolist() == [3, 1, 2]

    def test_batched_nms_of_mmcv(self, device):
        arguments = QUADS.to(device), QUAD_SCORES.to(device), LABELS.to(device)
        config = {"type": "nms_quadri", "iou_threshold": 0.3}
        assert batched_nms(*arguments, config, class_agnostic=True)[1].tolist() == [3, 1, 2]
        assert batched_nms(*arguments, config)[1].tolist() == [3, 1, 0, 2]
