"""Deformable DETR and DINO: queries that attend to a few places of each map."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.models import detectors
from mmdet.models.dense_heads import DeformableDETRHead
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cnxv2_mm.export.models.detr import DETR, Inputs, as_sequence
from cnxv2_mm.export.models.overrides import refuse_overrides

_EPS = 1e-5  # of mmdet's inverse_sigmoid


class DeformableDETR(DETR):
    """A detector of mmdet with multi-scale deformable attention: Deformable DETR in all its variants, or DINO.

    mmdet has rows and columns of the maps in a tensor, whose numbers cannot be read while a program for pictures of any
    size is recorded. Here they are an array of numbers, which mmdet's code takes as well.

    Source: ``DeformableDETR.pre_transformer`` and ``DeformableDETRHead.forward`` of mmdet 3.3.0. Of the head only the
    last layer is computed.
    """

    def _check(self, model: Any, head: Any) -> None:
        known = detectors.DINO if isinstance(model, detectors.DINO) else detectors.DeformableDETR
        refuse_overrides(model, known, "predict", "forward_transformer", "pre_transformer")
        refuse_overrides(head, DeformableDETRHead, "predict", "forward")

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        with _AnySteps():
            return super().forward(images, size)

    def _inputs(self, maps: Sequence[Tensor], masks: Sequence[Tensor]) -> tuple[Inputs, Inputs]:
        model = self.model
        positions = [as_sequence(model.positional_encoding(mask)) for mask in masks]
        embedded = [position + level for position, level in zip(positions, model.level_embed, strict=True)]
        shapes = np.array([tuple(features.shape[-2:]) for features in maps], dtype=object).view(_Shapes)
        mask = torch.cat([mask.flatten(1) for mask in masks], dim=1)
        of_levels = {
            "spatial_shapes": shapes,
            "level_start_index": None,  # is read on GPUs only
            "valid_ratios": torch.stack([model.get_valid_ratio(mask) for mask in masks], dim=1),
        }
        encoder_inputs = {
            "feat": torch.cat([as_sequence(features) for features in maps], dim=1),
            "feat_mask": mask,
            "feat_pos": torch.cat(embedded, dim=1),
        }
        return encoder_inputs | of_levels, {"memory_mask": mask} | of_levels

    def _predictions(self, **states: Any) -> Sequence[Tensor]:
        head, last = self.model.bbox_head, len(states["hidden_states"]) - 1
        queries, reference = states["hidden_states"][last], states["references"][last]
        # Not by mmdet's inverse_sigmoid, which the decoder has applied to this tensor already: where Clip follows Clip
        # twice behind the same tensor, onnxscript 0.7.2 gives the limits of both the same name, and loses one.
        logits = torch.log(reference.clamp(min=_EPS) / (1 - reference).clamp(min=_EPS))
        logits = F.pad(logits, (0, 4 - logits.shape[-1]))  # of points, which have no width and height
        boxes = (head.reg_branches[last](queries) + logits).sigmoid()
        return head.cls_branches[last](queries)[None], boxes[None]


class _Shapes(np.ndarray):
    """Rows and columns of each map, (L, 2), as Python's numbers; in a recording some of them stand for any number."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make a tensor of columns of this array, which is what mmcv asks for."""
        if func is not torch.stack:
            return NotImplemented
        columns = [torch.stack([torch.scalar_tensor(number) for number in column]) for column in args[0]]
        return torch.stack(columns, *args[1:], **(kwargs or {}))


class _AnySteps(TorchFunctionMode):
    """Lets ``torch.linspace`` take any number of steps. torch's own fixes their number in a recording."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not torch.linspace:
            return func(*args, **kwargs)
        start, end, steps = args
        return torch.arange(steps, **kwargs) * ((end - start) / torch.sym_max(steps - 1, 1)) + start
