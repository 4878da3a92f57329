"""DETR and its like: detectors whose queries attend to the cells of the maps."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models import detectors
from mmdet.models.dense_heads import ConditionalDETRHead, DABDETRHead, DETRHead
from torch import Tensor, nn

from cnxv2_mm.export.models.detector import Detector
from cnxv2_mm.export.models.overrides import refuse_overrides

# What a part of the Transformer is called with, by the names of mmdet.
Inputs = dict[str, Any]


class DETR(Detector):
    """A detector of mmdet with a Transformer: DETR, Conditional DETR or DAB-DETR.

    Encoder, decoder and head are the model's own, and so is what is left of the detections. Only their inputs are
    computed here: mmdet asks whether the picture fills the image, which a program for pictures of any size cannot. In
    half precision the queries, the decoder and the head stay in float32: a coordinate in float16 would be off by up to
    half a pixel in a thousand.

    Source: ``DETR.pre_transformer`` of mmdet 3.3.0.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self._check(model, self.model.bbox_head)

    def _check(self, model: Any, head: Any) -> None:
        """Refuse a model that computes otherwise what is computed here."""
        refuse_overrides(model, detectors.DETR, "predict", "forward_transformer", "pre_transformer")
        known = next((kind for kind in (DABDETRHead, ConditionalDETRHead) if isinstance(head, kind)), DETRHead)
        refuse_overrides(head, known, "predict")

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        model = self.model
        maps = model.extract_feat(images)
        encoder_inputs, decoder_inputs = self._inputs(maps, cell_masks(maps, images, size))
        encoded = model.forward_encoder(**encoder_inputs)
        with torch.autocast("cpu", enabled=False):
            queries, head_inputs = model.pre_decoder(**encoded)
            head_inputs.update(model.forward_decoder(**decoder_inputs, **queries))
            predictions = self._predictions(**head_inputs)
            metas = [{"img_shape": size}]
            found = model.bbox_head.predict_by_feat(*predictions, batch_img_metas=metas, rescale=False)[0]
        return found.bboxes, found.scores, found.labels

    def _inputs(self, maps: Sequence[Tensor], masks: Sequence[Tensor]) -> tuple[Inputs, Inputs]:
        """Return what the encoder and the decoder are called with.

        Args:
            maps: The features, (1, C, h, w) each.
            masks: Which of their cells are beyond the picture, (1, h, w) each.
        """
        position = as_sequence(self.model.positional_encoding(masks[-1]))
        mask = masks[-1].flatten(1)
        encoder_inputs = {"feat": as_sequence(maps[-1]), "feat_mask": mask, "feat_pos": position}
        return encoder_inputs, {"memory_mask": mask, "memory_pos": position}

    def _predictions(self, **states: Tensor) -> Sequence[Tensor]:
        """Return scores (layers, 1, queries, classes) and boxes (layers, 1, queries, 4) of decoder layers."""
        predictions: Sequence[Tensor] = self.model.bbox_head(**states)
        return predictions


def cell_masks(maps: Sequence[Tensor], images: Tensor, size: tuple[int, int]) -> list[Tensor]:
    """Return which cells of each map are beyond the picture, (1, h, w) bool.

    They are what mmdet interpolates to the size of a map: the value at the nearest pixel.

    Args:
        maps: The features, (1, C, h, w) each.
        images: The images, (1, C, H, W), filled up at the right and below.
        size: Height and width of the picture in it, in pixels.
    """
    masks = []
    for features in maps:
        rows, columns = (
            (torch.arange(cells, dtype=torch.float32, device=images.device) * (whole / cells)).floor() >= side
            for cells, whole, side in zip(features.shape[-2:], images.shape[-2:], size, strict=True)
        )
        masks.append((rows[:, None] | columns)[None])
    return masks


def as_sequence(features: Tensor) -> Tensor:
    """Return the cells of a map (1, C, h, w) row by row, (1, h * w, C)."""
    return features.flatten(2).transpose(1, 2)
