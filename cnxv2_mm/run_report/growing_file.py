"""A file that another program, or another part of this one, adds lines to."""

import os
from pathlib import Path


class GrowingFile:
    """Remembers how far a text file has been read, so that a long one is not read from its start again.

    Args:
        path: The file. It need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def new_lines(self) -> list[str]:
        """Return the lines that were added since the last call, all if the file has become shorter.

        A line without its end, as a program that was killed leaves it, is not returned.
        """
        try:
            with open(self._path, "rb") as file:
                if os.fstat(file.fileno()).st_size < self._place:
                    self._place = 0
                file.seek(self._place)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        if not whole:
            return []
        self._place += len(whole) + 1
        return whole.decode(errors="replace").split("\n")
