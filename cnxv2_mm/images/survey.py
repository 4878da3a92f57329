"""What is in a folder of images: every file is opened before a training starts, not at its step 900."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from cnxv2_mm.images.channel_statistics import Moments, channel_statistics, moments_of
from cnxv2_mm.images.formats import find_images
from cnxv2_mm.images.read import read_image
from cnxv2_mm.machine import usable_cores

# Pixels: an image with a shorter side has not even one patch.
SMALLEST_SIDE = 32
# Up to so many files, all are decoded; of more, as many, spread evenly, and of the others the header is read.
DECODED = 20_000
# Of so many files, spread evenly, mean and standard deviation are measured.
MEASURED = 1000
# The largest share of the files that may be left out.
MOST_LEFT_OUT = 0.1
_RGB, _GREY = 3, 1
_SHOWN = 3
# Pillow's modes of one channel. Those of more bits come from formats that are decoded in any case, but for PNG.
_GREY_MODES = ("1", "L", "LA", "La")
_DEEP_MODES = ("I", "F")
_DECODED_ALWAYS = ("TIFF", None)


class Kind(NamedTuple):
    """What has to be alike in all images of a training: the number of channels, and whether they hold bytes."""

    channels: int
    bytes: bool

    def __str__(self) -> str:
        return f"{self.channels} channel{'s' * (self.channels > 1)} of {'8 bits' if self.bytes else 'more than 8 bits'}"


class LeftOut(NamedTuple):
    """A file that is not used: its path below the folder, the group of its reason, and the reason itself."""

    file: str
    group: str
    reason: str


class _Look(NamedTuple):
    """What opening a file showed."""

    kind: Kind
    height: int
    width: int
    moments: Moments | None


@dataclass(frozen=True)
class Survey:
    """The images of a folder.

    Attributes:
        folder: The folder.
        files: The images that can be used, as paths below the folder, sorted.
        left_out: The others, each with its reason.
        channels: Number of channels of the images; grey ones among RGB count as RGB.
        bytes: Whether their values are bytes, 0 to 255; else they are float32 in the files' units.
        smallest: Height and width of the image with the shortest side, in pixels.
        largest: Height and width of the image with the most pixels.
        median_side: The median of the images' shorter sides, in pixels.
        mean: Mean of each channel, in the files' units, of images spread over the folder; each counts the same.
        std: Standard deviation of each channel, likewise.
        measured: Of how many images ``mean`` and ``std`` are.
        decoded: How many images were decoded; of the others only the header was read.
    """

    folder: Path
    files: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    channels: int
    bytes: bool
    smallest: tuple[int, int]
    largest: tuple[int, int]
    median_side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    measured: int
    decoded: int

    def reasons(self) -> dict[str, int]:
        """Return how many files were left out for each group of reasons, the most frequent first."""
        return dict(Counter(one.group for one in self.left_out).most_common())

    def check(self, where: Path | None = None) -> None:
        """Refuse a folder of which too little can be used.

        Args:
            where: The file that lists what was left out, for the message.

        Raises:
            ValueError: More than 10 % of the files were left out, or less than two images remain.
        """
        number, total = len(self.left_out), len(self.files) + len(self.left_out)
        if not number and total == 1:
            raise ValueError(f"{self.folder} has one image, {self.files[0]}: a training needs at least two.")
        if number > MOST_LEFT_OUT * total or len(self.files) < 2:
            counts = ", ".join(f"{times} {group}" for group, times in self.reasons().items())
            some = "; ".join(f"{one.file}: {one.reason}" for one in self.left_out[:_SHOWN])
            listed = f" All are listed in {where}." if where else ""
            raise ValueError(
                f"{number} of {total} images in {self.folder} cannot be used ({counts}), and at most "
                f"{MOST_LEFT_OUT:.0%} may be left out: repair them or move them away. The first: {some}.{listed}"
            )


def survey(folder: str | Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Survey:
    """Find the images below a folder, and open each of them.

    Up to 20 000 files are decoded wholly, which finds truncated ones. Of more, 20 000 are, spread evenly; of the others
    Pillow reads the header, but for TIFF, and what Pillow does not know. Several threads do it, as the decoders run
    without Python's lock.

    Left out are files that cannot be read, images with a side below 32 pixels (a patch), values that are not finite,
    names that a list of files cannot hold, and images of another kind than most: with bytes among more bits, and with
    another number of channels. Grey images among RGB are taken for RGB, where at least one in ten is RGB.

    Args:
        folder: The folder.
        progress: Called after each file, with how many are done and how many there are.

    Returns:
        What was found. :meth:`Survey.check` says whether it is enough.

    Raises:
        FileNotFoundError: There is no such folder.
        NotADirectoryError: It is a file.
        ValueError: No file in it is an image by its ending, or none can be read.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(
            f"the folder of images {str(folder)!r} does not exist (looked for {folder.absolute()})."
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file: give the folder that holds the images.")
    paths = find_images(folder)
    if not paths:
        raise ValueError(f"no image was found in {folder}, nor in the folders below it.")
    decoded = _spread(range(len(paths)), DECODED)
    measured = frozenset(_spread(decoded, MEASURED))
    looks: dict[str, _Look] = {}
    left_out: list[LeftOut] = []
    in_decoded = frozenset(decoded)
    names = [path.relative_to(folder).as_posix() for path in paths]

    def look(i: int) -> _Look | LeftOut:
        return _look(paths[i], names[i], i in in_decoded, i in measured)

    with ThreadPoolExecutor(max(2, usable_cores())) as threads:
        for i, found in enumerate(threads.map(look, range(len(paths)))):
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                looks[names[i]] = found
            progress(i + 1, len(paths))
    if not looks:
        reasons = "; ".join(f"{one.file}: {one.reason}" for one in left_out[:_SHOWN])
        raise ValueError(f"none of the {len(paths)} images in {folder} can be used: {reasons}.")
    kind = _kind_of_most([one.kind for one in looks.values()])
    other = {name: one.kind for name, one in looks.items() if one.kind != kind and not _becomes(one.kind, kind)}
    left_out += [LeftOut(name, "of another kind", f"{one}, where most have {kind}") for name, one in other.items()]
    return _summary(folder, {name: one for name, one in looks.items() if name not in other}, left_out, kind, decoded)


def _spread(positions: Sequence[int], number: int) -> Sequence[int]:
    """Return ``number`` of the positions at equal distances; all, if there are no more."""
    total = len(positions)
    return positions if total <= number else [positions[(2 * i + 1) * total // (2 * number)] for i in range(number)]


def _look(path: Path, name: str, decode: bool, measure: bool) -> _Look | LeftOut:
    if name != name.strip() or not name.isprintable():
        return LeftOut(
            repr(name)[1:-1], "with odd names", "its name begins or ends with a blank, or has odd characters"
        )
    try:
        found = None if decode else _look_at_header(path)
        found = found or _look_at_pixels(path, measure)
    except (ValueError, OSError, MemoryError) as error:
        reason = str(error).removeprefix(f"{path} cannot be read as an image: ").replace(str(path), name)
        return LeftOut(name, "unreadable", reason or type(error).__name__)
    if found is None:
        return LeftOut(name, "unreadable", "has values that are not finite (NaN or infinite)")
    if min(found.height, found.width) < SMALLEST_SIDE:
        reason = f"{found.width} x {found.height} pixels, a patch has {SMALLEST_SIDE} x {SMALLEST_SIDE}"
        return LeftOut(name, "too small", reason)
    return found


def _look_at_header(path: Path) -> _Look | None:
    """Read the header; None if it does not say how the file will be read."""
    try:
        with Image.open(path) as image:
            if image.format in _DECODED_ALWAYS:
                return None
            deep = image.mode.startswith(_DEEP_MODES)
            channels = _GREY if deep or image.mode in _GREY_MODES else _RGB
            return _Look(Kind(channels, not deep), image.height, image.width, None)
    except Exception:  # of any class; decoding says what is wrong
        return None


def _look_at_pixels(path: Path, measure: bool) -> _Look | None:
    """Decode the file; None if it has values that are not finite."""
    image = read_image(path)
    if image.is_floating_point() and not torch.isfinite(image).all():
        return None
    kind = Kind(image.shape[0], image.dtype == torch.uint8)
    return _Look(kind, image.shape[1], image.shape[2], moments_of(image) if measure else None)


def _kind_of_most(kinds: Sequence[Kind]) -> Kind:
    """Return the most frequent kind. Grey and RGB are one, RGB, if at least one in ten of them is RGB."""
    counts = Counter(kinds)
    for depth in (True, False):
        grey, rgb = Kind(_GREY, depth), Kind(_RGB, depth)
        if counts[rgb] and counts[rgb] >= MOST_LEFT_OUT * (counts[grey] + counts[rgb]):
            counts[rgb] += counts.pop(grey, 0)
    return counts.most_common(1)[0][0]


def _becomes(kind: Kind, other: Kind) -> bool:
    return kind == Kind(_GREY, other.bytes) and other.channels == _RGB


def _summary(
    folder: Path, looks: dict[str, _Look], left_out: Iterable[LeftOut], kind: Kind, decoded: Sequence[int]
) -> Survey:
    sizes = [(look.height, look.width) for look in looks.values()]
    moments = [look.moments for look in looks.values() if look.moments is not None]
    if not moments:  # all that were to be measured have been left out
        moments = [moments_of(read_image(folder / name)) for name in list(looks)[:MEASURED]]
    mean, std = channel_statistics(moments, kind.channels)
    return Survey(
        folder=folder,
        files=tuple(looks),
        left_out=tuple(sorted(left_out)),
        channels=kind.channels,
        bytes=kind.bytes,
        smallest=min(sizes, key=min),
        largest=max(sizes, key=lambda size: size[0] * size[1]),
        median_side=sorted(map(min, sizes))[len(sizes) // 2],
        mean=mean,
        std=std,
        measured=len(moments),
        decoded=len(decoded),
    )
