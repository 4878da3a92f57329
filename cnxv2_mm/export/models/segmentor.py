"""mmseg's segmentors: a picture to the class of each pixel."""

from copy import copy
from typing import Any, ClassVar

import torch
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.export.average_pooling import recordable_average_pooling
from cnxv2_mm.export.models.base import ExportableModel, Output

_FIX = "export it for one size: --size HEIGHT WIDTH"


class Segmentor(ExportableModel):
    """An ``EncoderDecoder`` of mmseg, or a cascade of decoders, with any decode head that can be recorded.

    Backbone, neck and decode head run as mmseg has them; pooling to a number of bins is written so that it can be
    recorded for any size of the picture. With ``test_cfg.mode='slide'`` the windows of mmseg's ``slide_inference`` are
    recorded one after another: their number depends on the size.

    Args:
        model: The segmentor.
        logits: Whether the output is what mmseg calls ``seg_logits``, not the class of each pixel.

    Raises:
        ValueError: The model is of another class.
    """

    task: ClassVar[str] = "segmentor"

    def __init__(self, model: nn.Module, *, logits: bool = False) -> None:
        super().__init__(model)
        # A subclass of them may change any step.
        if type(model) not in (EncoderDecoder, CascadeEncoderDecoder):
            raise ValueError(
                f"{type(model).__name__} cannot be exported as a segmentor: only EncoderDecoder and "
                "CascadeEncoderDecoder of mmseg are known"
            )
        self.model = _without_auxiliary_heads(model)
        self.logits = logits

    @property
    def outputs(self) -> tuple[Output, ...]:
        channels = self.model.out_channels
        if not self.logits:
            meaning = "number of the class of each pixel, from 0"
            if channels == 1:
                meaning = f"1 where the confidence is above {self._last_head.threshold}, else 0"
            return (Output("label_map", ("images", "height", "width"), meaning),)
        meaning = "confidence of each pixel, 0 to 1 (sigmoid)" if channels == 1 else "logit of each class (no softmax)"
        return (Output("logits", ("images", channels, "height", "width"), meaning),)

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        self._check_size(size)
        with recordable_average_pooling():
            logits = self._slide(images) if self._slides else self._decode(images)
        logits = logits[:, :, : size[0], : size[1]].float()  # without what was filled up
        if self.model.out_channels == 1:
            scores = logits.sigmoid()
            return (scores if self.logits else (scores > self._last_head.threshold)[:, 0].long(),)
        return (logits if self.logits else logits.argmax(dim=1),)

    @property
    def _slides(self) -> bool:
        return bool(self.model.test_cfg.get("mode", "whole") == "slide")

    @property
    def _last_head(self) -> Any:
        heads = self.model.decode_head
        return heads[-1] if isinstance(heads, nn.ModuleList) else heads

    def _check_size(self, size: tuple[int, int]) -> None:
        """Refuse to record for any size of the picture what depends on it."""
        if not any(isinstance(side, torch.SymInt) for side in size):
            return
        if self._slides:
            raise ValueError(
                f"this segmentor slides a window of {' x '.join(map(str, self.model.test_cfg.crop_size))} over the "
                f"picture (test_cfg.mode='slide'), and the number of windows depends on the picture's size; {_FIX}"
            )
        if any(getattr(part, "align_corners", False) for part in self.model.modules()):
            raise ValueError(
                f"this {type(self._last_head).__name__} has align_corners=True, for which mmseg's resize() reads sizes "
                f"as plain numbers; {_FIX}"
            )

    def _decode(self, images: Tensor) -> Tensor:
        """Return the logits of whole images or windows (N, C, H, W) at their size."""
        number, size = images.shape[0], images.shape[-2:]
        info = {"ori_shape": size, "img_shape": size, "pad_shape": size}
        # A list has a fixed length. Most heads look at its first entry alone, and take any number of images.
        logits: Tensor = self.model.encode_decode(images, [info] * (number if isinstance(number, int) else 1))
        return logits.float()

    def _slide(self, images: Tensor) -> Tensor:
        """Return the logits of images (N, C, H, W), averaged over the windows that see a pixel.

        The windows are those of ``mmseg.models.segmentors.EncoderDecoder.slide_inference``: they begin at multiples of
        the stride, and the last ones end with the image.
        """
        height, width = images.shape[-2:]
        sides = zip((height, width), self.model.test_cfg.crop_size, self.model.test_cfg.stride, strict=True)
        rows, columns = (_windows(side, window, stride) for side, window, stride in sides)
        total = images.new_zeros(images.shape[0], self.model.out_channels, height, width)
        for top, bottom in rows:
            for left, right in columns:
                logits = self._decode(images[:, :, top:bottom, left:right])
                total = total + F.pad(logits, (left, width - right, top, height - bottom))
        counts = [
            [float(sum(first <= place < last for first, last in windows)) for place in range(side)]
            for windows, side in ((rows, height), (columns, width))
        ]
        return total / (images.new_tensor(counts[0])[:, None] * images.new_tensor(counts[1]))

    def reference(self, inputs: Tensor) -> tuple[Tensor, ...]:
        size = tuple(inputs.shape[-2:])
        samples = [SegDataSample(metainfo={"img_shape": size, "ori_shape": size}) for _ in inputs]
        found = self.model.test_step({"inputs": list(inputs), "data_samples": samples})
        if self.logits:
            return (torch.stack([sample.seg_logits.data for sample in found]),)
        return (torch.stack([sample.pred_sem_seg.data[0] for sample in found]).long(),)


def _without_auxiliary_heads(model: nn.Module) -> nn.Module:
    """Return the same modules without those that only a training uses, whose weights a file would hold."""
    trimmed = copy(model)
    trimmed._modules = {name: part for name, part in model._modules.items() if name != "auxiliary_head"}
    return trimmed


def _windows(side: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Return where the windows along a side begin and end, in pixels."""
    number = max(side - window + stride - 1, 0) // stride + 1
    ends = [min(index * stride + window, side) for index in range(number)]
    return [(max(end - window, 0), end) for end in ends]
