"""What FCMAE asks of a decoder."""

from typing import ClassVar

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn


class Decoder(BaseModule):
    """Called with the encoder's features and the visible cells, it returns cells, (N, h, w, D), hidden ones filled in.

    Its arguments ``in_channels`` and ``out_channels`` follow from the backbone.

    Attributes:
        reads_all_stages: Whether it takes the maps of all stages, (N, C, height / stride, width / stride) each, and
            ``in_channels`` of each stage; if not, those of the last stage alone.
        pred: Turns (..., D) cells, all or some, into (..., out_channels): the 32 x 32 pixels of each in reading order,
            channels innermost.
    """

    reads_all_stages: ClassVar[bool] = False
    pred: nn.Module


def new_mask_token(width: int) -> nn.Parameter:
    """Draw what stands in for a hidden cell, (width,), from a normal of deviation 0.02."""
    return nn.Parameter(torch.empty(width).normal_(std=0.02))


def fill_in(x: Tensor, visible: Tensor, mask_token: Tensor) -> Tensor:
    """Put the mask token into the hidden ones of (N, h, w, width) cells; what is there is not read."""
    return torch.where(visible.unsqueeze(-1), x, mask_token.to(x.dtype))
