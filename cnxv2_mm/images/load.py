"""The first transform of a pipeline: a file becomes a tensor, or the bytes that the device will decode."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from PIL import Image

from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.images.formats import LONGEST_START, format_of
from cnxv2_mm.images.read import read_image
from cnxv2_mm.registry import TRANSFORMS

_ORIENTATION = 274  # the tag of EXIF; 1 is upright
_JPEG_ON_DEVICE = ("RGB", "L")  # Pillow's names for what it is decoded to; not CMYK


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Reads an image of any format (:func:`~cnxv2_mm.images.read_image`), several times as fast as mmcv's transform.

    It reads ``img_path`` and writes ``img``, (C, height, width), uint8 or float32, in the order RGB; and ``ori_shape``
    and ``img_shape``, (height, width).

    Args:
        channels: How many channels an image must have; None for those of each file. Grey becomes RGB if 3 are asked
            for, and transparency is dropped if that leaves as many.
        decode: Whether to decode here. With False, ``img`` of a JPEG is what the file holds, (bytes,) uint8, and
            :class:`~cnxv2_mm.ImagePreprocessor` decodes and crops on the device. Behind it only
            :class:`~cnxv2_mm.RandomResizedCrop` may stand, then ``PackInputs`` with ``meta_keys=("img_path",
            "crop")``, and the loader's ``collate_fn`` must be ``pseudo_collate``. Files that are no JPEG, CMYK, and
            those with an orientation by the camera are decoded here in any case.

    Raises:
        ValueError: ``channels`` is not a whole number, or is not 3 where the device decodes; or the file cannot be
            read, or cannot have that number of channels.
    """

    def __init__(self, channels: int | None = 3, decode: bool = True) -> None:
        if channels is not None:
            check_count("LoadImage's channels", channels)
        check_argument("LoadImage's decode", decode, bool, "True or False")
        if not decode and channels != 3:
            raise ValueError(f"channels={channels!r} must be 3 with decode=False: the device decodes into RGB")
        self.channels = channels
        self.decode = decode

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the file."""
        path = results["img_path"]
        deferred = None if self.decode else _undecoded(Path(path))
        if deferred is None:
            image = read_image(path, self.channels)
            results["img"], shape = image, (image.shape[1], image.shape[2])
        else:
            results["img"], shape = deferred
        results["ori_shape"] = results["img_shape"] = shape
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(channels={self.channels}, decode={self.decode})"


def _undecoded(path: Path) -> tuple[torch.Tensor, tuple[int, int]] | None:
    """Return a JPEG's bytes, (B,) uint8, and its height and width; None for a file that is better decoded here."""
    data = np.fromfile(path, np.uint8)
    if format_of(data[:LONGEST_START].tobytes()) != "jpeg":
        return None
    try:
        with Image.open(BytesIO(data.tobytes())) as header:  # reads no pixels
            upright = header.getexif().get(_ORIENTATION, 1) == 1
            if header.mode not in _JPEG_ON_DEVICE or not upright:
                return None
            return torch.from_numpy(data), (header.height, header.width)
    except OSError:  # the header is damaged: the decoder says so
        return None
