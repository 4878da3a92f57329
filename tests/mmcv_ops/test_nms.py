import math

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms, nms, nms_match, soft_nms


def iou(a, b, offset=0):
    """Intersection over union of two boxes, by its definition."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + offset
    height = min(a[3], b[3]) - max(a[1], b[1]) + offset
    if width <= 0 or height <= 0:
        return 0.0
    area_a, area_b = ((c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b))
    return width * height / (area_a + area_b - width * height)


def naive_nms(boxes, scores, threshold, offset):
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(iou(boxes[i], boxes[k], offset) <= threshold for k in kept):
            kept.append(i)
    return kept


def naive_soft_nms(boxes, scores, threshold, sigma, min_score, method, offset):
    """mmcv's procedure, one swap at a time: the best box goes to the front; a box that falls below min_score gives its
    place to the last one."""
    candidates = [[box, score, i] for i, (box, score) in enumerate(zip(boxes, scores, strict=True))]
    front = 0
    while front < len(candidates):
        best = max(range(front, len(candidates)), key=lambda i: candidates[i][1])
        candidates[front], candidates[best] = candidates[best], candidates[front]
        place = front + 1
        while place < len(candidates):
            overlap = iou(candidates[front][0], candidates[place][0], offset)
            if method == "gaussian":
                candidates[place][1] *= math.exp(-(overlap**2) / sigma)
            elif overlap >= threshold:
                candidates[place][1] *= 1 - overlap if method == "linear" else 0
            if candidates[place][1] < min_score:
                candidates[place] = candidates[-1]
                candidates.pop()
            else:
                place += 1
        front += 1
    return [score for _, score, _ in candidates], [i for _, _, i in candidates]


def naive_nms_match(boxes, scores, threshold):
    groups, taken = [], set()
    order = sorted(range(len(boxes)), key=lambda i: -scores[i])
    for position, i in enumerate(order):
        if i not in taken:
            overlapping = [j for j in order[position + 1 :] if j not in taken and iou(boxes[i], boxes[j]) >= threshold]
            taken.update(overlapping)
            groups.append([i, *overlapping])
    return groups


def random_boxes(count, dtype=torch.float32):
    corner = torch.rand(count, 2, dtype=dtype) * 20
    return torch.cat([corner, corner + torch.rand(count, 2, dtype=dtype) * 15 + 1], dim=1)


class TestNms:
    @pytest.mark.parametrize("offset", [0, 1])
    @pytest.mark.parametrize("threshold", [0.1, 0.4, 0.7])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_naive_loop(self, device, offset, threshold, dtype):
        boxes, scores = random_boxes(60, dtype), torch.rand(60, dtype=dtype)
        expected = naive_nms(boxes.tolist(), scores.tolist(), threshold, offset)
        dets, kept = nms(boxes.to(device), scores.to(device), threshold, offset=offset)
        assert kept.device.type == device.type
        assert kept.tolist() == expected
        torch.testing.assert_close(dets.cpu(), torch.cat([boxes, scores[:, None]], dim=1)[expected])

    def test_offset_counts_whole_pixels(self, device):
        """Two pixels wide, one shared: 1/3 of the union in pixels, nothing in lengths."""
        boxes = torch.tensor([[0.0, 0, 1, 1], [1, 0, 2, 1]], device=device)
        scores = torch.tensor([0.9, 0.8], device=device)
        assert len(nms(boxes, scores, 0.3, offset=0)[1]) == 2
        assert len(nms(boxes, scores, 0.3, offset=1)[1]) == 1

    def test_a_box_at_the_threshold_stays(self, device):
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 6]], device=device)  # IoU 0.6, rounded up in float32
        assert len(nms(boxes, torch.tensor([0.9, 0.8], device=device), 0.6)[1]) == 2

    def test_no_boxes(self, device):
        dets, kept = nms(torch.zeros(0, 4, device=device), torch.zeros(0, device=device), 0.5)
        assert dets.shape == (0, 5)
        assert kept.shape == (0,)
        assert kept.dtype == torch.long

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_boxes(self, device, dtype):
        boxes, scores = random_boxes(30).to(dtype), (torch.randperm(30) / 32).to(dtype)
        expected = naive_nms(boxes.tolist(), scores.tolist(), 0.5, 0)
        assert nms(boxes.to(device), scores.to(device), 0.5)[1].tolist() == expected

    def test_batched_nms_keeps_classes_apart(self, device):
        boxes = torch.tensor([[0.0, 0, 10, 10]] * 3, device=device)
        scores, labels = torch.tensor([0.7, 0.9, 0.8], device=device), torch.tensor([0, 1, 1], device=device)
        _, kept = batched_nms(boxes, scores, labels, {"type": "nms", "iou_threshold": 0.5})
        assert kept.tolist() == [1, 0]

    def test_unknown_offset(self):
        from mmcv._ext import nms as operator

        with pytest.raises(ValueError, match="offset=2"):
            operator(torch.zeros(1, 4), torch.zeros(1), 0.5, 2)


class TestSoftNms:
    @pytest.mark.parametrize("method", ["naive", "linear", "gaussian"])
    @pytest.mark.parametrize("offset", [0, 1])
    @pytest.mark.parametrize("min_score", [1e-3, 0.3])
    def test_naive_loop(self, device, method, offset, min_score):
        boxes, scores = random_boxes(40), torch.rand(40)
        expected = naive_soft_nms(
            boxes.double().tolist(), scores.double().tolist(), 0.3, 0.5, min_score, method, offset
        )
        dets, kept = soft_nms(boxes.to(device), scores.to(device), 0.3, 0.5, min_score, method, offset)
        assert dets.device.type == device.type
        assert kept.tolist() == expected[1]
        torch.testing.assert_close(dets[:, 4].cpu(), torch.tensor(expected[0]))
        torch.testing.assert_close(dets[:, :4].cpu(), boxes[expected[1]])

    @pytest.mark.parametrize("method", ["naive", "linear", "gaussian"])
    def test_ties_are_resolved_as_by_mmcv(self, method):
        """Many equal scores and equal boxes: the order then depends on every swap."""
        boxes = torch.randint(0, 3, (40, 2)).float() * 4
        boxes = torch.cat([boxes, boxes + 8], dim=1)  # sums and products of these are exact
        scores = torch.randint(1, 4, (40,)) / 4
        expected = naive_soft_nms(boxes.tolist(), scores.tolist(), 0.4, 0.5, 0.1, method, 0)
        assert soft_nms(boxes, scores, 0.4, 0.5, 0.1, method)[1].tolist() == expected[1]

    @pytest.mark.parametrize(("method", "lowered"), [("naive", 0.0), ("linear", 0.4 * 0.5)])
    def test_a_box_at_the_threshold_is_lowered(self, method, lowered):
        """``ovr >= iou_threshold`` in mmcv's csrc, both float32."""
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 6]])  # IoU 0.6
        dets, _ = soft_nms(boxes, torch.tensor([0.9, 0.5]), 0.6, min_score=0.0, method=method)
        torch.testing.assert_close(dets[:, 4], torch.tensor([0.9, lowered]))

    def test_a_box_at_min_score_stays(self):
        """``sc[pos] < min_score`` in mmcv's csrc."""
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]])  # IoU 0.5 lowers the second to 0.25
        scores = torch.tensor([1.0, 0.5])
        assert len(soft_nms(boxes, scores, 0.3, min_score=0.25, method="linear")[1]) == 2
        assert len(soft_nms(boxes, scores, 0.3, min_score=0.2501, method="linear")[1]) == 1

    def test_of_equal_scores_the_first_comes_first(self):
        """``max_score < sc[pos]`` in mmcv's csrc; then the swap: the first takes the place of the one that was best."""
        boxes = torch.arange(5)[:, None] * 20.0 + torch.tensor([0.0, 0, 10, 10])  # apart
        assert soft_nms(boxes, torch.full((5,), 0.5))[1].tolist() == [0, 1, 2, 3, 4]
        assert soft_nms(boxes, torch.tensor([0.5, 0.5, 0.5, 0.9, 0.5]))[1].tolist() == [3, 1, 2, 0, 4]

    def test_the_best_box_stays_below_min_score(self):
        dets, kept = soft_nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0.1]), min_score=0.5)
        assert kept.tolist() == [0]
        assert dets[0, 4] == pytest.approx(0.1)

    def test_boxes_without_area(self):
        """mmcv's own example: identical empty boxes overlap nothing."""
        boxes = np.array([[4, 3, 5, 3], [4, 3, 5, 4], *[[3, 1, 3, 1]] * 4], dtype=np.float32)
        scores = np.array([0.9, 0.9, 0.5, 0.5, 0.4, 0.0], dtype=np.float32)
        dets, kept = soft_nms(boxes, scores, 0.6, sigma=0.5)
        assert len(dets) == len(kept) == 5
        assert np.isfinite(soft_nms(boxes, scores, 0.6, method="gaussian")[0]).all()

    def test_leaves_its_inputs_alone(self):
        boxes, scores = random_boxes(20), torch.rand(20)
        before = boxes.clone(), scores.clone()
        soft_nms(boxes, scores, method="gaussian")
        assert boxes.equal(before[0])
        assert scores.equal(before[1])

    def test_no_boxes(self, device):
        dets, kept = soft_nms(torch.zeros(0, 4, device=device), torch.zeros(0, device=device))
        assert dets.shape == (0, 5)
        assert kept.shape == (0,)

    def test_unknown_method(self):
        from mmcv._ext import softnms

        with pytest.raises(ValueError, match="method=3"):
            softnms(torch.zeros(1, 4), torch.zeros(1), torch.zeros(1, 5), 0.3, 0.5, 1e-3, 3, 0)


class TestNmsMatch:
    @pytest.mark.parametrize("threshold", [0.1, 0.5])
    def test_naive_loop(self, device, threshold):
        boxes, scores = random_boxes(50), torch.rand(50)
        groups = nms_match(torch.cat([boxes, scores[:, None]], dim=1).to(device), threshold)
        expected = naive_nms_match(boxes.double().tolist(), scores.tolist(), threshold)
        assert [group.tolist() for group in groups] == expected

    def test_of_equal_scores_the_first_comes_first(self):
        place = torch.arange(300)
        boxes = place[:, None] * 20.0 + torch.tensor([0.0, 0, 10, 10])  # apart
        groups = nms_match(torch.cat([boxes, (place % 3)[:, None] / 4], dim=1), 0.5)
        assert [group.tolist() for group in groups] == [[i] for best in (2, 1, 0) for i in range(best, 300, 3)]

    def test_a_box_at_the_threshold_is_suppressed(self):
        dets = torch.tensor([[0.0, 0, 10, 10, 0.9], [0, 0, 10, 5, 0.8]])
        assert [group.tolist() for group in nms_match(dets, 0.5)] == [[0, 1]]

    def test_no_boxes(self):
        assert nms_match(torch.zeros(0, 5), 0.5) == []
