"""The first stage of a two-stage detector: where something may be."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import RPNHead
from torch import Tensor

from cnxv2_mm.export.detections import Suppression, best_candidates
from cnxv2_mm.export.models.overrides import refuse_overrides

_METHODS = ("predict", "predict_by_feat", "_predict_by_feat_single", "_bbox_post_process")


class RegionProposals:
    """The proposals of an ``RPNHead``: the best boxes of each level, without those that overlap a better one.

    Source: mmdet 3.3.0, ``RPNHead._predict_by_feat_single`` and ``_bbox_post_process``.

    Args:
        head: The head.

    Raises:
        ValueError: The head computes its proposals otherwise.
    """

    def __init__(self, head: Any) -> None:
        refuse_overrides(head, RPNHead, *_METHODS)
        name, config = type(head).__name__, head.test_cfg
        self._head = head
        self._pre = int(config.get("nms_pre", -1))
        self._smallest = float(config.get("min_bbox_size", -1))
        self._suppression = Suppression(config.nms, name)
        self._most = int(config.max_per_img)
        if self._most < 1:
            raise ValueError(f"{name}: max_per_img={self._most} cannot be exported; allowed: 1 or more")

    def __call__(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return the proposals, best first.

        Args:
            maps: The features of each level, (1, C, H, W).
            size: Height and width of the picture, in pixels.

        Returns:
            (K, 4): x1, y1, x2, y2 in pixels.
        """
        head = self._head
        cls_scores, bbox_preds = head(tuple(maps))
        shapes = [scores.shape[-2:] for scores in cls_scores]
        priors = head.prior_generator.grid_priors(shapes, device=cls_scores[0].device)
        found = []
        for level, prior in enumerate(priors):
            scores = cls_scores[level][0].permute(1, 2, 0).reshape(-1, head.cls_out_channels).float()
            deltas = bbox_preds[level][0].permute(1, 2, 0).reshape(-1, head.bbox_coder.encode_size).float()
            # Without the sigmoid the last class is the background.
            scores = _sigmoid(scores) if head.use_sigmoid_cls else scores.softmax(-1)[:, :-1]
            best, _, index = best_candidates(scores, self._pre if self._pre > 0 else -1)
            found.append((best, prior[index], deltas[index], torch.full_like(index, level)))
        best, prior, deltas, levels = (torch.cat(parts) for parts in zip(*found, strict=True))
        boxes = head.bbox_coder.decode(prior, deltas, max_shape=size)
        if self._smallest >= 0:
            large = ((boxes[:, 2:] - boxes[:, :2]) > self._smallest).all(dim=1).nonzero().squeeze(1)
            boxes, best, levels = boxes[large], best[large], levels[large]
        return boxes[self._suppression(boxes, best, levels)[: self._most]]


def _sigmoid(logits: Tensor) -> Tensor:
    """Return the sigmoid as PyTorch computes it, spelled out.

    Scores of good proposals are so near 1 that one unit in the last place decides which of two is the better one, and
    onnxruntime's own sigmoid is an approximation that differs by such units.
    """
    return 1 / (1 + (-logits).exp())
