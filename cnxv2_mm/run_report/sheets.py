"""Pictures that hooks have drawn: of each kind the first and the last, so that progress is seen."""

import io
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from cnxv2_mm.run_report.run_folders import RunFolders

PICTURES = Path("vis_data", "vis_image")
_QUALITY = 90  # of JPEG, of 100: a sheet is seldom above 300 kB then
_NAME = re.compile(r"(\w+)_(\d+)\.png")


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes:
        name: What files are called, in front of their step.
        title: What the page calls them.
        caption: How to read them.
    """

    name: str
    title: str
    caption: str


KINDS = (
    Kind(
        "reconstruction",
        "Reconstructions",
        "Images that the training does not see, a column for each. First row: the image. Second row: what the encoder "
        "sees of it. Third row: what the model paints where it sees nothing. The mean and the contrast of a hidden "
        "patch are those of the image, and the model paints its pattern. In a good one, edges go on from patch to "
        "patch.",
    ),
    Kind(
        "predictions",
        "Predictions",
        "The first images of the validation, in pairs: on the left the truth, as the labels say, on the right what "
        "the model finds. Instances below a score of 0.3 are left out.",
    ),
)


@dataclass(frozen=True)
class Sheet:
    """A picture.

    Attributes:
        step: How many steps the training had made.
        data: The picture as a JPEG file.
    """

    step: int
    data: bytes


def read_sheets(folders: RunFolders, kind: Kind) -> Sequence[Sheet]:
    """Return the first and the last picture of a kind; one if there is one, none if there are none."""
    found = {folder: _pictures(folder / PICTURES, kind.name) for folder in folders.folders}
    joined = list(folders.joined(found).items())
    first, last = _first_readable(joined), _first_readable(reversed(joined))
    if first is None or last is None or first.step == last.step:
        return [] if first is None else [first]
    return [first, last]


def _pictures(folder: Path, name: str) -> dict[int, Path]:
    matches = ((path, _NAME.fullmatch(path.name)) for path in folder.glob(f"{name}_*.png"))
    return {int(match[2]): path for path, match in matches if match and match[1] == name}


def _first_readable(pictures: Iterable[tuple[int, Path]]) -> Sheet | None:
    """Return the first picture that is whole: a run that was killed may have left half a file."""
    for step, path in pictures:
        with suppress(ValueError, OSError, SyntaxError):
            return Sheet(step, _as_jpeg(path, path.stat().st_mtime_ns))
    return None


@lru_cache(maxsize=8)
def _as_jpeg(path: Path, changed: int) -> bytes:
    """Return a picture as a JPEG file, which is a fraction of the PNG; the same one is not read twice."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
