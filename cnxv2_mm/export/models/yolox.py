"""YOLOX: one class at each cell, and no limits but the threshold."""

import torch
from mmdet.models.dense_heads import YOLOXHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import SingleStageDetector
from torch import Tensor, nn

from cnxv2_mm.export.detections import Suppression
from cnxv2_mm.export.models.dense_detector import setting
from cnxv2_mm.export.models.detector import Detector
from cnxv2_mm.export.models.overrides import refuse_overrides


class YOLOXDetector(Detector):
    """A YOLOX of mmdet.

    Of the ``test_cfg`` all is honoured that ``YOLOXHead`` reads: ``score_thr`` and ``nms``. Source:
    ``YOLOXHead.predict_by_feat`` of mmdet 3.3.0.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        head = self.model.bbox_head
        refuse_overrides(model, SingleStageDetector, "predict")
        refuse_overrides(head, BaseDenseHead, "predict")
        refuse_overrides(head, YOLOXHead, "predict_by_feat", "_bbox_decode", "_bbox_post_process")
        name, config = type(head).__name__, head.test_cfg or {}
        self._threshold = float(setting(config, "score_thr", name))
        self._suppression = Suppression(setting(config, "nms", name), name)

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        head = self.model.bbox_head
        maps = head(self.model.extract_feat(images))
        shapes = [scores.shape[-2:] for scores in maps[0]]
        priors = head.prior_generator.grid_priors(shapes, device=images.device, with_stride=True)
        # (1, channels, H, W) of each level -> (cells of all levels, channels)
        logits, deltas, objectness = (torch.cat([level[0].flatten(1).T for level in levels]).float() for levels in maps)
        boxes = head._bbox_decode(torch.cat(priors), deltas)
        scores, labels = logits.sigmoid().max(1)
        scores = scores * objectness[:, 0].sigmoid()
        above = (scores >= self._threshold).nonzero().squeeze(1)
        boxes, scores, labels = boxes[above], scores[above], labels[above]
        kept = self._suppression(boxes, scores, labels)
        return boxes[kept], scores[kept], labels[kept]
