"""Detectors whose head predicts at every cell: RetinaNet, FCOS, ATSS, GFL, RTMDet and their like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import SingleStageDetector
from torch import Tensor, nn

from cnxv2_mm.export.detections import Suppression, best_candidates
from cnxv2_mm.export.models.dense_heads import Cells, Size, cells
from cnxv2_mm.export.models.detector import Detector
from cnxv2_mm.export.models.overrides import refuse_overrides


@dataclass(frozen=True)
class Candidates:
    """Boxes that a head found.

    Attributes:
        boxes: (K, 4): x1, y1, x2, y2 in pixels.
        scores: (K,).
        labels: (K,).
        numbers: (K,): which of all the boxes that the head predicts each is, counted through the levels.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    numbers: Tensor

    def __getitem__(self, index: Tensor | slice) -> "Candidates":
        return Candidates(self.boxes[index], self.scores[index], self.labels[index], self.numbers[index])


class DenseDetector(Detector):
    """A single-stage detector of mmdet that predicts boxes at every cell of its maps.

    Of the ``test_cfg`` all is honoured that ``BaseDenseHead`` reads: ``score_thr``, ``nms_pre``, ``min_bbox_size``,
    ``nms`` and ``max_per_img``. Others are read by none of its methods, and change nothing there either. Source:
    ``BaseDenseHead._predict_by_feat_single`` and ``._bbox_post_process`` of mmdet 3.3.0. Here the best candidates of
    each level are decoded first, and dropped below the threshold afterwards.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        refuse_overrides(model, SingleStageDetector, "predict")
        head = self.model.bbox_head
        self._cells = self._find_cells(head)
        name, config = type(head).__name__, head.test_cfg or {}
        self._threshold = float(config.get("score_thr", 0))
        self._pre = int(config.get("nms_pre", -1))
        if self._pre != -1 and self._pre < 1:
            raise ValueError(f"{name}: nms_pre={self._pre} cannot be exported; allowed: 1 or more, or -1 for all")
        self._smallest = float(config.get("min_bbox_size", -1))
        self._suppression = Suppression(setting(config, "nms", name), name)
        self._most = int(setting(config, "max_per_img", name))
        if self._most < 1:
            raise ValueError(f"{name}: max_per_img={self._most} cannot be exported; allowed: 1 or more")

    def _find_cells(self, head: Any) -> Cells:
        """Return how the head predicts at a cell, if it does the rest as is done here.

        Raises:
            ValueError: It does not.
        """
        refuse_overrides(head, BaseDenseHead, "predict", "predict_by_feat", "_bbox_post_process")
        return cells(head)

    def forward(self, images: Tensor, size: Size) -> tuple[Tensor, ...]:
        maps = self.model.bbox_head(self.model.extract_feat(images))
        found = self._detections(*maps, size=size)
        return found.boxes, found.scores, found.labels

    def _detections(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        factors: Sequence[Tensor] | None = None,
        *,
        size: Size,
    ) -> Candidates:
        """Return what is detected, best first.

        Args:
            cls_scores: Of each level the map (1, boxes at a cell * cls_out_channels, H, W).
            bbox_preds: Of each level the map (1, boxes at a cell * numbers of a box, H, W).
            factors: Of each level the map (1, boxes at a cell, H, W): the logits of what scores are multiplied by.
            size: Height and width of the picture.
        """
        shapes = [scores.shape[-2:] for scores in cls_scores]
        priors = self.model.bbox_head.prior_generator.grid_priors(shapes, device=cls_scores[0].device)
        found, valid, first = [], [], 0
        for level, prior in enumerate(priors):
            factor = None if factors is None else factors[level]
            candidates, above = self._of_level(level, prior, cls_scores[level], bbox_preds[level], factor, first, size)
            found.append(candidates)
            valid.append(above)
            first = first + prior.shape[0]
        every = Candidates(
            torch.cat([part.boxes for part in found]),
            torch.cat([part.scores for part in found]),
            torch.cat([part.labels for part in found]),
            torch.cat([part.numbers for part in found]),
        )[torch.cat(valid).nonzero().squeeze(1)]
        kept = self._suppression(every.boxes, every.scores, every.labels)
        return every[kept[: self._most]]

    def _of_level(
        self,
        level: int,
        priors: Tensor,
        cls_score: Tensor,
        bbox_pred: Tensor,
        factor: Tensor | None,
        first: int,
        size: Size,
    ) -> tuple[Candidates, Tensor]:
        """Return the best candidates of a level, whose boxes are counted from ``first`` on, and which of them count."""
        head = self.model.bbox_head
        at_a_cell = cls_score.shape[1] // head.cls_out_channels
        scores = self._cells.scores(head, _rows(cls_score, head.cls_out_channels))
        predictions = _rows(bbox_pred, bbox_pred.shape[1] // at_a_cell)
        best, labels, index = best_candidates(scores, self._pre)
        valid = best > self._threshold
        if self._pre == -1:  # mmdet cuts a level with [:nms_pre]: without a limit it leaves out the worst candidate
            valid = valid & torch.cat([valid[1:], valid.new_zeros(1)])
        boxes = self._cells.boxes(head, level, priors[index], predictions[index], size)
        if factor is not None:
            best = best * _rows(factor, 1).squeeze(1)[index].sigmoid()
        if self._smallest >= 0:  # beyond the picture boxes are clipped to nothing
            valid = valid & ((boxes[:, 2:] - boxes[:, :2]) > self._smallest).all(1)
        return Candidates(boxes, best, labels, index + first), valid


def setting(config: Mapping[str, Any], key: str, owner: str) -> Any:
    """Return a setting of ``test_cfg`` without which the head cannot predict.

    Raises:
        ValueError: It is not there.
    """
    if key not in config:
        raise ValueError(f"{owner} cannot be exported: its test_cfg has no {key!r}; write it into the config")
    return config[key]


def _rows(cells: Tensor, channels: int) -> Tensor:
    """Return a map (1, boxes at a cell * channels, H, W) as float32 rows (boxes, channels)."""
    return cells[0].permute(1, 2, 0).reshape(-1, channels).float()
