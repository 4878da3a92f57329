"""One image file as a tensor: any format, any number of channels, 8 bits or more.

JPEG and PNG are decoded by torchvision, TIFF by tifffile, and all else by Pillow. Which of them, the first bytes of the
file say, not its name. Colours are what Pillow's ``convert("RGB")`` makes of them: a palette is looked up, CMYK becomes
RGB, and transparency is dropped, which leaves the colour that is stored under it.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg, decode_png

from cnxv2_mm.images.formats import LONGEST_START, format_of

# The byte of a PNG's header that says what a pixel is, and its values.
_PNG_COLOUR = 25
_PNG_GREYS, _PNG_RGBA = (0, 4), 6
# What Pillow calls the pixels of an image -> what is made of them. Others become RGB.
_PILLOW_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGBA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}


class Decoded(NamedTuple):
    """``image``: (C, height, width); ``alpha``: whether the last channel is transparency."""

    image: Tensor
    alpha: bool = False


def read_image(path: str | Path, channels: int | None = None) -> Tensor:
    """Read an image file.

    The orientation that a camera wrote into the file is applied. Of a file with several pictures (GIF) it is the first.
    The pages of a TIFF are channels, if they have one size.

    Args:
        path: The file.
        channels: How many channels the image is to have; None for those of the file, without transparency. Grey becomes
            RGB if 3 are asked for, and transparency is dropped if that leaves as many.

    Returns:
        (C, height, width): uint8 where the file has 8 bits or less, else float32 in the file's units. Colours are in
        the order RGB. In memory, a pixel may be next to a pixel or a channel to a channel, as the decoder left it.

    Raises:
        ValueError: The file is not an image, is damaged, or cannot have that number of channels; the message names it.
        OSError: The file is missing or may not be read.
    """
    try:
        decoded = _decode(Path(path), channels)
    except (MemoryError, FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except Exception as error:  # decoders raise classes of all kinds for files that they cannot read
        raise ValueError(f"{path} cannot be read as an image: {reason(error)}") from error
    image = _with_channels(decoded, channels, path)
    if image.numel() == 0:
        raise ValueError(f"{path} is an image without pixels: {tuple(image.shape)} channels, rows and columns")
    return image if image.dtype == torch.uint8 else image.float()


def _decode(path: Path, channels: int | None) -> Decoded:
    with open(path, "rb", buffering=0) as file:
        kind = format_of(file.read(LONGEST_START))
        if kind in ("jpeg", "png"):
            file.seek(0)
            data = torch.from_numpy(np.fromfile(file, np.uint8))
            return _decode_jpeg(data, channels) if kind == "jpeg" else _decode_png(data, channels)
    return _decode_tiff(path) if kind == "tiff" else _decode_with_pillow(path)


def _decode_jpeg(data: Tensor, channels: int | None = None) -> Decoded:
    """Decode the bytes of a JPEG file, (B,) uint8, into RGB or grey."""
    mode = ImageReadMode.RGB if channels == 3 else ImageReadMode.UNCHANGED
    image = decode_jpeg(data, mode, apply_exif_orientation=True)
    if image.shape[0] == 4:  # CMYK
        image = decode_jpeg(data, ImageReadMode.RGB, apply_exif_orientation=True)
    return Decoded(image)


def _decode_png(data: Tensor, channels: int | None) -> Decoded:
    """Decode the bytes of a PNG file, (B,) uint8; 16 bits stay 16 bits."""
    colour = int(data[_PNG_COLOUR]) if len(data) > _PNG_COLOUR else None
    if colour in _PNG_GREYS and channels != 2:
        mode = ImageReadMode.GRAY
    elif colour in _PNG_GREYS:
        mode = ImageReadMode.GRAY_ALPHA
    else:
        mode = ImageReadMode.RGB_ALPHA if channels == 4 and colour == _PNG_RGBA else ImageReadMode.RGB
    return Decoded(decode_png(data, mode, apply_exif_orientation=True), mode.name.endswith("_ALPHA"))


def _decode_with_pillow(path: Path) -> Decoded:
    with Image.open(path) as opened:
        picture: Image.Image = ImageOps.exif_transpose(opened)
        if picture.mode.startswith(("I", "F")):  # more than 8 bits
            return Decoded(torch.from_numpy(np.asarray(picture).astype(np.float32)).unsqueeze(0))
        mode = _PILLOW_MODES.get(picture.mode, "RGB")
        pixels = np.array(picture if picture.mode == mode else picture.convert(mode))
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return Decoded(torch.from_numpy(pixels).permute(2, 0, 1), mode.endswith("A"))


def _decode_tiff(path: Path) -> Decoded:
    """Decode a TIFF: colours that have to be looked up or converted by Pillow, all numbers as they are by tifffile."""
    try:
        from tifffile import PHOTOMETRIC, TiffFile
    except ImportError:
        return _decode_with_pillow(path)
    as_stored = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
    with TiffFile(path) as file:
        page: Any = file.pages[0]
        if (page.photometric not in as_stored and page.samplesperpixel <= 4) or page.bitspersample < 8:
            return _decode_with_pillow(path)
        series = file.series[0]
        try:
            array = series.asarray()
        except ValueError as error:  # a compression that needs imagecodecs; Pillow has the usual ones
            if "imagecodecs" not in str(error) or page.samplesperpixel > 4 or len(series.pages) > 1:
                raise
            return _decode_with_pillow(path)
        axes, alpha = series.axes, _has_alpha(page)
        orientation = page.tags.valueof("Orientation", 1)
    if np.iscomplexobj(array):
        raise ValueError("its numbers are complex")
    image = _channels_first(array, axes)
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
    return Decoded(torch.from_numpy(np.ascontiguousarray(_upright(image, int(orientation)))), alpha)


def _has_alpha(page: Any) -> bool:
    """Whether the last sample of each pixel is transparency; TIFF may also hold samples that it does not explain."""
    return bool(page.extrasamples) and page.extrasamples[-1].name in ("ASSOCALPHA", "UNASSALPHA")


def _channels_first(array: np.ndarray, axes: str) -> np.ndarray:
    """Return (C, height, width) of an array whose axes tifffile names, 'YXS', 'CYX' and so on.

    Every axis but Y and X is a channel. Three axes without names, which tifffile writes for an array that it was told
    nothing about, are 'QYX' in any case; the shorter end of them is taken for the channels.
    """
    if axes == "QYX" and array.shape[2] < array.shape[0]:
        axes = "YXS"
    last_two = np.moveaxis(array, (axes.index("Y"), axes.index("X")), (-2, -1))
    return last_two.reshape(-1, *last_two.shape[-2:])


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a (C, height, width) image as the number of TIFF's and EXIF's tag 274 says, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(1, 2)
    if orientation in (3, 4, 7, 8):
        image = image[:, ::-1]
    return image[:, :, ::-1] if orientation in (2, 3, 6, 7) else image


def _with_channels(decoded: Decoded, channels: int | None, path: str | Path) -> Tensor:
    """Return the image with that number of channels, (C, height, width)."""
    image, alpha = decoded
    if alpha and image.shape[0] != channels:
        image = image[:-1]
    if channels == 3 and image.shape[0] == 1:
        image = image.expand(3, -1, -1)
    if channels not in (None, image.shape[0]):
        raise ValueError(f"{path} has {image.shape[0]} channels, but {channels} are wanted")
    return image


def reason(error: Exception) -> str:
    """Return an error's last line, without the place in torchvision's source that it begins with."""
    text = str(error).strip().splitlines()
    return re.sub(r"^.*\.cpp:\d+, ", "", text[-1]) if text else type(error).__name__
