"""Which files are images: by their endings in a folder, and by their first bytes when they are read."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import Image, ImageFile

# Pillow names these endings too, but reads no pixels: a video, and a page description that needs another program.
_NO_PIXELS = {"MPEG", "EPS"}
# What the format of a file is called here -> how such a file begins.
_FIRST_BYTES = {
    "jpeg": (b"\xff\xd8\xff",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "tiff": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
}
LONGEST_START = 8


@cache
def image_endings() -> frozenset[str]:
    """Return the endings of image files in lower case, such as '.jpg': what Pillow and, if installed, tifffile read."""
    endings = {ending for ending, name in Image.registered_extensions().items() if _is_read_by_pillow(name)}
    try:
        from tifffile import TIFF
    except ImportError:
        return frozenset(endings)
    return frozenset(endings | {f".{ending}" for ending in TIFF.FILE_EXTENSIONS})


def _is_read_by_pillow(name: str) -> bool:
    """Whether Pillow decodes a format; of some it only writes files, or knows the name."""
    if name == "MPO":  # several JPEGs in one file: opened as JPEG
        return True
    reader = Image.OPEN[name][0] if name in Image.OPEN else None
    is_stub = isinstance(reader, type) and issubclass(reader, ImageFile.StubImageFile)
    return reader is not None and not is_stub and name not in _NO_PIXELS


def is_image_name(name: str) -> bool:
    """Return whether a file of this name is an image by its ending, in capitals too, and is not hidden."""
    name = name.lower()
    return not name.startswith(".") and (os.path.splitext(name)[1] in image_endings())


def find_images(folder: Path) -> list[Path]:
    """Return all images below a folder, at any depth, sorted by their path.

    Files are told by their endings (:func:`image_endings`) and not opened. Names that begin with a dot are hidden:
    files and folders alike are skipped. Links to folders are followed, each folder is visited once, and so a link to a
    folder above it ends.

    Args:
        folder: The folder; paths in the result begin with it.

    Raises:
        OSError: The folder, or one below it, is missing, is a file, or may not be listed.
    """
    return sorted(_walk(Path(folder), set()), key=Path.as_posix)


def _walk(folder: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in shown:
        if entry.is_dir():
            yield from _walk(folder / entry.name, visited)
        elif is_image_name(entry.name):
            yield folder / entry.name


def format_of(start: bytes) -> str:
    """Return the format of a file by its first bytes: 'jpeg', 'png', 'tiff', or 'other'.

    Args:
        start: The first ``LONGEST_START`` bytes of the file, or all of a shorter one.
    """
    return next((name for name, starts in _FIRST_BYTES.items() if start.startswith(starts)), "other")
