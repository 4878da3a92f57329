"""A file is replaced at once and whole, or stays as it was, whenever the disk is full or the process is killed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PART = ".part"
_LETTERS = 60  # of the name, of at most four bytes each; systems take 255 bytes


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the body another, hidden file to write; at the end it is forced to the disk and gets the name ``path``.

    A process that is killed meanwhile leaves the hidden file behind, which the next writing replaces. The processes of
    one run may write the same file at once, as mmengine's do: each has a hidden file of its own.

    Args:
        path: The file to replace, in a folder that exists. A symbolic link stays one: the file that it names is
            replaced.

    Yields:
        The path of the hidden file.

    Raises:
        OSError: The disk is full, the folder cannot be written, and so on; ``path`` is as it was.
    """
    target = Path(os.path.realpath(path))
    rank = os.environ.get("RANK", "")  # set by every launcher
    part = target.with_name(f".{target.name[:_LETTERS]}{rank}{_PART}")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # the new name too; not every file system can
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def whole_files(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the body a hidden folder for a file and those that belong to it; at the end they get their places at once.

    Inside of it the files have the names that they keep: one may say where the others are. A process that is killed
    meanwhile leaves the hidden folder behind, which the next writing replaces.

    Args:
        path: The file, in a folder that exists. It is moved last: when it is there, all are.

    Yields:
        The hidden folder.

    Raises:
        OSError: The disk is full, the folder cannot be written, and so on.
    """
    target = Path(path)
    folder = target.with_name(f".{target.name[:_LETTERS]}{_PART}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        parts = sorted(folder.iterdir(), key=lambda part: part.name == target.name)
        for part in parts:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        for part in parts:
            part.replace(target.with_name(part.name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
