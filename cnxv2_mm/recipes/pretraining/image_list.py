"""The files of a run folder that say which images are used, which are left out, and which class each is of."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cnxv2_mm.images.survey import Survey
from cnxv2_mm.training.saving import write_whole

IMAGES, CLASSES, LEFT_OUT = "images.txt", "classes.txt", "left_out.txt"
# Fewer images than that are no class that a nearest neighbour could show: another folder of the same images, rather.
LEAST_OF_A_CLASS = 5
_SHOWN = 3


def write_lists(survey: Survey, folder: Path) -> None:
    """Write what a survey found.

    ``images.txt`` has a file on each line, relative to the folder of images; ``left_out.txt`` a file and the reason,
    with a tab between them; and, if folders are classes, ``classes.txt`` a file and the number of its class.

    Args:
        survey: What was found.
        folder: Where the files are written.
    """
    _write(folder / IMAGES, survey.files)
    _write(folder / LEFT_OUT, [f"{one.file}\t{one.reason}" for one in survey.left_out])
    classes = class_names(survey.files)
    if classes:
        numbers = {name: number for number, name in enumerate(classes)}
        _write(folder / CLASSES, [f"{file} {numbers[_class(file)]}" for file in survey.files])


def class_names(files: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes, if folders are classes; else nothing.

    They are, if all images lie in two folders or more, all at the same depth, with five images or more in each.

    Args:
        files: Paths below the folder of images.
    """
    depths = {len(PurePosixPath(file).parts) for file in files}
    counts = Counter(map(_class, files))
    if len(depths) > 1 or len(counts) < 2 or min(counts.values()) < LEAST_OF_A_CLASS:
        return ()
    return tuple(sorted(counts))


def read_images(folder: Path) -> list[str]:
    """Return the images that ``images.txt`` lists."""
    return (folder / IMAGES).read_text(encoding="utf-8").splitlines()


def check_images(folder: Path, images: Path) -> None:
    """Refuse to go on when images have vanished since the run began.

    Args:
        folder: Where the lists are.
        images: The folder of images.

    Raises:
        FileNotFoundError: Some are not there.
    """
    files = read_images(folder)
    gone = [file for file in files if not (images / file).is_file()]
    if gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        raise FileNotFoundError(
            f"{len(gone)} of the {len(files)} images that the run began with are no longer in {images}: "
            f"{', '.join(gone[:_SHOWN])}{more}. Put them back, or start over by --overwrite."
        )


def _class(file: str) -> str:
    return PurePosixPath(file).parent.as_posix()


def _write(path: Path, lines: Sequence[str]) -> None:
    write_whole("".join(f"{line}\n" for line in lines).encode(), path)
