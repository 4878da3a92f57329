"""Lists of files beside a run: one a line, relative to the folder of the data."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cnxv2_mm.training.saving import write_whole


def below(data: Path, file: Path) -> str:
    """Return a file's path relative to the folder of the data, with slashes."""
    return file.relative_to(data).as_posix()


def odd_name(name: str) -> str:
    """Return why a name cannot stand in a list that the libraries read; '' if it can.

    They remove blanks at both ends of a line, and a line ends at the end of a line.
    """
    if name != name.strip() or not name.isprintable():
        return "has a name that begins or ends with a blank, or odd characters in it"
    return ""


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write a text file, whole or not at all.

    Args:
        file: Where to; its folder is made if there is none.
        lines: Without their ends.

    Raises:
        OSError: It cannot be written.
    """
    write_whole("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"), file)


def write_left_out(file: Path, data: Path, left_out: Mapping[Path, str]) -> None:
    """Write which files are not used, and why: a tab lies between.

    Args:
        file: Where to.
        data: The folder of the data.
        left_out: The reason for each file.
    """
    names = {path: below(data, path) for path in left_out}
    write_lines(
        file, [f"{name if name.isprintable() else repr(name)}\t{left_out[path]}" for path, name in names.items()]
    )
