"""The names of classes, in a file beside label maps."""

from pathlib import Path

# Where names are looked for, in this order. The last is ADE20K's.
FILES = ("classes.txt", "class_names.txt", "labels.txt", "objectInfo150.txt")


def read_class_names(folder: Path) -> tuple[Path, tuple[str, ...]] | None:
    """Read the names of the classes that a data set comes with.

    A file has one name a line, of the class 0, 1, 2, ...; or it is a table with tabs whose first line names its
    columns, one of them "Name", as ADE20K's ``objectInfo150.txt``.

    Args:
        folder: The data set's folder.

    Returns:
        The file and the names; None if there is no such file.

    Raises:
        ValueError: The file is empty, is no text, or has a name twice.
    """
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        return None
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: it must have the name of a class in each line.") from error
    header = lines[0].split("\t") if lines else []
    if "Name" in header:
        lines = [line.split("\t")[header.index("Name")] for line in lines[1:]]
    names = tuple(line.strip() for line in lines)
    if not names:
        raise ValueError(f"{file} is empty: it must have the name of a class in each line; or remove it.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{file} has {twice[0]!r} more than once: each class needs a name of its own.")
    return file, names
