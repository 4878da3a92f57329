"""Is each image there, can it be read, and how large is it? Asked of all of them before a training starts."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mmcv
from PIL import Image, UnidentifiedImageError

# So many are decoded to the last byte; of more only the first bytes are read. A photograph of 1000 pixels takes 10 ms.
MOST_DECODED = 3000
_ORIENTATION, _TURNED = 274, (5, 6, 7, 8)  # of EXIF: the picture lies on its side
_KNOWN_TO_OPENCV = ("JPEG", "PNG", "BMP", "PPM", "MPO")

Size = tuple[int, int]


def examine(files: Sequence[Path], step: Callable[[int, int], None] = lambda done, total: None) -> list[Size | str]:
    """Read images, all of each if there are at most :data:`MOST_DECODED`, else their first bytes.

    Args:
        files: The images.
        step: Called with the number of images that are read, and of all.

    Returns:
        For each its (width, height) in pixels as OpenCV loads it, turned as its EXIF says; or why it cannot be read.
    """
    whole = len(files) <= MOST_DECODED
    results: list[Size | str] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        for result in threads.map(lambda file: _examine(file, whole), files):
            results.append(result)
            step(len(results), len(files))
    return results


def _examine(file: Path, whole: bool) -> Size | str:
    if not file.is_file():
        return "does not exist"
    if not file.stat().st_size:
        return "is empty (0 bytes)"
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in _TURNED
            if whole:
                image.load()
                if image.format not in _KNOWN_TO_OPENCV and mmcv.imread(str(file)) is None:
                    return f"is {image.format}, which OpenCV cannot read: save it as PNG"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return _by_opencv(file, error)
    return (height, width) if turned else (width, height)


def _by_opencv(file: Path, error: Exception) -> Size | str:
    """Return the size of an image that Pillow does not know, or that is too large for it."""
    if isinstance(error, UnidentifiedImageError | Image.DecompressionBombError):
        picture = mmcv.imread(str(file))
        if picture is not None:
            return picture.shape[1], picture.shape[0]
    reason = "is no image that Pillow or OpenCV knows" if isinstance(error, UnidentifiedImageError) else str(error)
    return f"cannot be read: {reason}" if "cannot be read" not in reason and not reason.startswith("is ") else reason
