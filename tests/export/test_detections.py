"""The last steps of detectors beside mmcv's and mmdet's own, in eager PyTorch, recorded, and in onnxruntime."""

import numpy as np
import onnxruntime
import pytest
import torch
from mmcv.ops import batched_nms
from mmdet.models.utils import filter_scores_and_topk
from torch import Tensor, nn
from torch.export import Dim

from cnxv2_mm.export.detections import Suppression, best_candidates, suppress


def draw(count: int, seed: int = 0, classes: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes in groups that overlap, with scores that all differ."""
    numbers = torch.Generator().manual_seed(seed)
    corners = torch.rand(max(count // 6, 1), 2, generator=numbers)[torch.arange(count) % max(count // 6, 1)] * 200
    sides = 20 + 30 * torch.rand(count, 2, generator=numbers)
    low = corners + 12 * torch.rand(count, 2, generator=numbers)
    scores = (torch.randperm(count, generator=numbers) + 1) / (count + 1)
    return torch.cat([low, low + sides], 1), scores, torch.randint(classes, (count,), generator=numbers)


def suppressed_by_mmcv(boxes: Tensor, scores: Tensor, labels: Tensor, nms: dict | None) -> Tensor:
    return batched_nms(boxes, scores, labels, nms)[1] if len(boxes) else torch.zeros(0, dtype=torch.long)


class Above(nn.Module):
    """Suppression of boxes above a threshold: recorded as one program, with a number of boxes that is not known."""

    def __init__(self, suppression: Suppression) -> None:
        super().__init__()
        self.suppression = suppression

    def forward(self, boxes: Tensor, scores: Tensor, labels: Tensor, threshold: Tensor) -> Tensor:
        found = (scores > threshold).nonzero().squeeze(1)
        return found[self.suppression(boxes[found], scores[found], labels[found])]


@pytest.mark.parametrize("iou_threshold", [0.3, 0.5, 0.6])
@pytest.mark.parametrize("count", [0, 1, 2, 60, 500])
def test_boxes_are_suppressed_as_by_mmcv(count, iou_threshold):
    boxes, scores, labels = draw(count)
    expected = suppressed_by_mmcv(boxes, scores, labels, {"type": "nms", "iou_threshold": iou_threshold})
    assert len(expected) < count or count < 60
    torch.testing.assert_close(suppress(boxes, scores, labels, iou_threshold, -1), expected)
    torch.testing.assert_close(suppress(boxes, scores, labels, iou_threshold, 7), expected[:7])


def test_an_overlap_of_exactly_the_threshold_is_kept_as_by_mmcv():
    boxes = torch.tensor([[0.0, 0.0, 5.0, 1.0], [0.0, 0.0, 3.0, 1.0]])  # IoU 0.6, in float32 above the double 0.6
    scores, labels = torch.tensor([0.9, 0.8]), torch.zeros(2, dtype=torch.long)
    expected = suppressed_by_mmcv(boxes, scores, labels, {"type": "nms", "iou_threshold": 0.6})
    assert suppress(boxes, scores, labels, 0.6, -1).tolist() == expected.tolist() == [0, 1]


def test_boxes_outside_of_the_image_and_empty_ones_are_suppressed_as_by_mmcv():
    boxes, scores, labels = draw(200)
    boxes = boxes - 60
    boxes[::7, 2:] = boxes[::7, :2]
    expected = suppressed_by_mmcv(boxes, scores, labels, {"type": "nms", "iou_threshold": 0.5})
    torch.testing.assert_close(suppress(boxes, scores, labels, 0.5, -1), expected)


SETTINGS = [
    {"type": "nms", "iou_threshold": 0.5},
    {"iou_thr": 0.5, "class_agnostic": True},
    {"type": "nms", "iou_threshold": 0.5, "max_num": 9, "split_thr": 50},
    {"type": "nms", "iou_threshold": 0.5, "score_threshold": 0.4, "class_agnostic": False},
    {"type": "nms", "iou_threshold": 0.5, "split_thr": 50, "class_agnostic": True},
    None,
]


@pytest.mark.parametrize("nms", SETTINGS, ids=str)
def test_settings_do_what_they_do_in_mmcv_also_recorded_and_in_onnxruntime(nms, tmp_path):
    model = Above(Suppression(nms, "A head")).eval()
    example = (*draw(300), torch.tensor(0.5))
    count = Dim("count", min=2, max=100_000)
    shapes = ({0: count}, {0: count}, {0: count}, {})
    program = torch.export.export(model, example, dynamic_shapes=shapes, strict=False)
    file = str(tmp_path / "suppression.onnx")
    torch.onnx.export(program, dynamo=True, verbose=False, input_names=["boxes", "scores", "labels", "above"]).save(
        file
    )
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for size, threshold in ((300, 0.0), (300, 0.5), (40, 0.1), (2, 0.0), (2, 0.5), (40, 0.99)):
        boxes, scores, labels = draw(size, seed=size)
        above = (scores > threshold).nonzero().squeeze(1)
        expected = above[suppressed_by_mmcv(boxes[above], scores[above], labels[above], nms)]
        inputs = (boxes, scores, labels, torch.tensor(threshold))
        torch.testing.assert_close(model(*inputs), expected)
        torch.testing.assert_close(program.module()(*inputs), expected)
        named = {"boxes": boxes, "scores": scores, "labels": labels, "above": inputs[3]}
        (found,) = session.run(None, {name: value.numpy() for name, value in named.items()})
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("nms", "message"),
    [
        ({"type": "soft_nms", "iou_threshold": 0.5}, "A head: nms of type='soft_nms' cannot be exported"),
        ({"type": "nms"}, "A head: nms has no iou_threshold"),
        ({}, "A head: nms has no iou_threshold"),
        ({"type": "nms", "iou_threshold": 0.5, "offset": 1}, "nms with offset=1 cannot be exported"),
        ({"type": "nms", "iou_threshold": 0.5, "sigma": 0.1}, "mmcv's nms has no setting 'sigma'"),
    ],
)
def test_settings_that_cannot_be_exported_are_refused(nms, message):
    with pytest.raises(ValueError, match=message) as caught:
        Suppression(nms, "A head")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("most", [1, 10, 100, 10_000])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.99])
def test_the_best_candidates_are_those_of_mmdet(most, threshold):
    scores = torch.rand(70, 5, generator=torch.Generator().manual_seed(0))
    expected = filter_scores_and_topk(scores, threshold, most)[:3]
    found = best_candidates(scores, most)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one[found[0] > threshold], other)


def test_all_candidates_without_a_limit():
    scores = torch.rand(70, 5, generator=torch.Generator().manual_seed(0))
    best, labels, boxes = best_candidates(scores, -1)
    torch.testing.assert_close(best, scores.flatten().sort(descending=True).values)
    torch.testing.assert_close(scores[boxes, labels], best)
