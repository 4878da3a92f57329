"""The first part of an exported model: from a picture, as it was read, to the images that the network takes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NUM_COLOURS = 3
# Data preprocessors by the name of their class -> the attribute that says whether it reverses the order of the colours.
_REVERSES = {
    "ImgDataPreprocessor": "_channel_conversion",  # of mmengine
    "DetDataPreprocessor": "_channel_conversion",  # of mmdet
    "SegDataPreProcessor": "_channel_conversion",  # of mmseg
    "ClsDataPreprocessor": "to_rgb",  # of mmpretrain
    "ImagePreprocessor": None,  # ours
}
# Those that take the channels 2, 1, 0 of any image: of five channels they lose two.
_FOR_COLOURS_ONLY = ("ImgDataPreprocessor", "DetDataPreprocessor")


class Picture(nn.Module):
    """Normalises pictures and fills them up as the data preprocessor of a model does in a test.

    Args:
        preprocessor: The data preprocessor: of mmdet, mmseg, mmpretrain or ours.
        reads_rgb: Whether the config's pipeline reads pictures in the order RGB. mmcv reads BGR.
        channels: Number of channels of the pictures.

    Attributes:
        flips: Whether the network's channel order is the reverse of RGB.
        divisor: The sides are filled up to multiples of it,
        least: and to at least this height and width, in pixels.

    Raises:
        ValueError: The preprocessor is of another class, or not made for this number of channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessor: Any, *, reads_rgb: bool, channels: int = _NUM_COLOURS) -> None:
        super().__init__()
        name = type(preprocessor).__name__
        if name not in _REVERSES:
            raise ValueError(f"the data preprocessor {name} cannot be exported; known are {', '.join(_REVERSES)}")
        reverses = bool(getattr(preprocessor, _REVERSES[name] or "", False))
        if reverses and channels != _NUM_COLOURS and name in _FOR_COLOURS_ONLY:
            raise ValueError(
                f"{name} reverses the colours of pictures of {channels} channels, of which it takes three only: set "
                "its bgr_to_rgb and rgb_to_bgr to False"
            )
        for key, default in (("mean", 0.0), ("std", 1.0)):
            given = getattr(preprocessor, key, None)
            values = torch.tensor([default]) if given is None else given.detach().float().cpu().flatten()
            if len(values) not in (1, channels) and not (channels == 1 and name == "ImagePreprocessor"):
                raise ValueError(f"the {key} of {name} has {len(values)} numbers for pictures of {channels} channels")
            self.register_buffer(key, values.reshape(1, -1, 1, 1))
        self.channels = channels
        self.reads_rgb = reads_rgb
        self.flips = channels == _NUM_COLOURS and reads_rgb == reverses
        own = _padding(preprocessor)
        self.divisor = own["size_divisor"]
        self.least = own["size"]
        self.filling = own["value"]

    def forward(self, picture: Tensor) -> Tensor:
        """Return (N, C, H, W) float32 of pictures (N, height, width, C), RGB, of any type."""
        height, width = picture.shape[1:3]
        # Converted before anything else: TensorRT computes nothing with bytes.
        images = picture.to(torch.float32).permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)
        if self.flips:
            images = images.flip(1)
        images = (images - self.mean) / self.std
        whole = [(side + self.divisor - 1) // self.divisor * self.divisor for side in (height, width)]
        whole = [torch.sym_max(side, least) if least else side for side, least in zip(whole, self.least, strict=True)]
        # Behind the normalisation, as OpenMMLab does: what is filled up is 0, not black.
        return F.pad(images, (0, whole[1] - width, 0, whole[0] - height), value=self.filling)

    def as_read(self, picture: Tensor) -> Tensor:
        """Return pictures (N, height, width, C), RGB, as the config's pipeline would: (N, C, height, width)."""
        images = picture.permute(0, 3, 1, 2)
        return images if self.reads_rgb or self.channels != _NUM_COLOURS else images.flip(1)


def _padding(preprocessor: Any) -> Mapping[str, Any]:
    """Return to what a data preprocessor fills images up in a test, and with what number."""
    if type(preprocessor).__name__ == "SegDataPreProcessor":  # its size_divisor is for training alone
        given = preprocessor.test_cfg or {}
        divisor, size, value = given.get("size_divisor"), given.get("size"), preprocessor.pad_val
    else:
        divisor, size = getattr(preprocessor, "pad_size_divisor", 1), None
        value = getattr(preprocessor, "pad_value", 0)
    return {"size_divisor": divisor or 1, "size": tuple(size or (0, 0)), "value": float(value)}
