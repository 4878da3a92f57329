"""RTMDet-Ins: RTMDet with a mask for each box. RTMDet itself is a dense detector like others."""

from typing import Any

import torch
from mmdet.models.dense_heads import RTMDetInsHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.export.models.base import Output
from cnxv2_mm.export.models.dense_detector import DenseDetector, setting
from cnxv2_mm.export.models.dense_heads import Cells, Size, decoded, probabilities
from cnxv2_mm.export.models.detector import DETECTIONS, MASKS
from cnxv2_mm.export.models.overrides import refuse_overrides


class RTMDetIns(DenseDetector):
    """An instance segmentor of mmdet with an ``RTMDetInsHead``.

    ``mask_thr_binary`` of the ``test_cfg`` is honoured too. Source: ``RTMDetInsHead._bbox_mask_post_process`` and
    ``._mask_predict_by_feat_single`` of mmdet 3.3.0. There the convolutions that the head predicts for each object run
    as one with as many groups as objects; here they are matrix products, since a file cannot have a number of groups
    that depends on the picture.
    """

    @property
    def outputs(self) -> tuple[Output, ...]:
        return (*DETECTIONS, MASKS)

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        head = self.model.bbox_head
        self._mask_threshold = float(setting(head.test_cfg, "mask_thr_binary", type(head).__name__))

    def _find_cells(self, head: Any) -> Cells:
        refuse_overrides(head, BaseDenseHead, "predict")
        own = ("predict_by_feat", "_predict_by_feat_single", "_bbox_mask_post_process")
        refuse_overrides(head, RTMDetInsHead, *own, "_mask_predict_by_feat_single", "parse_dynamic_params")
        return Cells(probabilities, decoded)

    def forward(self, images: Tensor, size: Size) -> tuple[Tensor, ...]:
        head = self.model.bbox_head
        cls_scores, bbox_preds, kernel_preds, mask_feat = head(self.model.extract_feat(images))
        found = self._detections(cls_scores, bbox_preds, size=size)
        shapes = [scores.shape[-2:] for scores in cls_scores]
        priors = head.prior_generator.grid_priors(shapes, device=images.device, with_stride=True)
        kernels = torch.cat([kernel[0].flatten(1).T for kernel in kernel_preds]).float()
        logits = self._mask_logits(mask_feat[0].float(), kernels[found.numbers], torch.cat(priors)[found.numbers])
        stride = head.prior_generator.strides[0][0]
        logits = F.interpolate(logits[:, None], scale_factor=stride, mode="bilinear")[:, 0]
        masks = logits.sigmoid() > self._mask_threshold
        # Not by slices: of their strides torch.export would settle whether the picture is smaller than the image.
        rows, columns = (torch.arange(side, device=images.device) for side in size)
        masks = masks.index_select(1, rows).index_select(2, columns)
        return found.boxes, found.scores, found.labels, masks

    def _mask_logits(self, features: Tensor, kernels: Tensor, priors: Tensor) -> Tensor:
        """Run the convolutions of each object.

        Args:
            features: (prototypes, H, W).
            kernels: (K, num_gen_params): weights of all convolutions of an object, then the biases.
            priors: (K, 4): x, y of the object's cell, and the stride of its level twice.

        Returns:
            (K, H, W).
        """
        head = self.model.bbox_head
        height, width = features.shape[-2:]
        grid = head.prior_generator.single_level_grid_priors((height, width), level_idx=0, device=features.device)
        offsets = (priors[:, :2, None] - grid.T) / (priors[:, 2, None, None] * 8)  # (K, 2, H * W)
        shared = features.flatten(1).expand(kernels.shape[0], -1, -1)  # (K, prototypes, H * W)
        values = torch.cat([offsets, shared], dim=1)
        parts = kernels.split_with_sizes(head.weight_nums + head.bias_nums, dim=1)
        count = len(head.weight_nums)
        for number, (weights, bias) in enumerate(zip(parts[:count], parts[count:], strict=True)):
            matrix = weights.reshape(-1, bias.shape[1], weights.shape[1] // bias.shape[1])  # (K, out, in)
            values = matrix @ values + bias[:, :, None]
            if number < count - 1:
                values = values.relu()
        return values.reshape(-1, height, width)
