"""The bytes of a download that have arrived so far, and the address they are from. Links are never followed."""

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# On systems that know them: no symbolic links, and no waiting for the other end of a pipe.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class PartialFile:
    """A file that a download is written to. A file beside it stores the address and the ETag of its bytes.

    Attributes:
        path: The file with the bytes.
    """

    path: Path

    def begun(self, address: str) -> tuple[int, str]:
        """Return how much of a download can be continued.

        Args:
            address: The address that will send the rest.

        Returns:
            The number of bytes that are here, and the strong ETag that the address sent with them; (0, '') if they are
            from another or an unknown address, or came without a strong ETag.
        """
        try:
            with os.fdopen(open_own_file(self._origin, os.O_RDONLY), "rb") as file:
                origin = json.loads(file.read())
            if origin["address"] == _digest(address):
                with os.fdopen(open_own_file(self.path, os.O_RDONLY), "rb") as file:
                    return os.fstat(file.fileno()).st_size, str(origin["etag"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # nothing is here, or a file of another program
            pass
        return 0, ""

    def begin(self, address: str, etag: str | None) -> None:
        """Empty the file, since an address begins to send it.

        Args:
            address: The address.
            etag: The ETag that it sent. Without one, or with a weak one, the download cannot be continued later.
        """
        with self.open() as file:
            file.truncate(0)
        if etag is None or not etag.startswith('"'):
            self._origin.unlink(missing_ok=True)
            return
        with os.fdopen(open_own_file(self._origin, os.O_WRONLY | os.O_CREAT), "wb") as file:
            file.truncate(0)
            file.write(json.dumps({"address": _digest(address), "etag": etag}).encode())

    def open(self) -> BinaryIO:
        """Open the file to append to it."""
        return os.fdopen(open_own_file(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Give the file its final name."""
        os.replace(self.path, target)
        self._origin.unlink(missing_ok=True)

    @property
    def _origin(self) -> Path:
        return self.path.with_name(f"{self.path.name}.etag")


def open_own_file(path: Path, flags: int) -> int:
    """Open a file that has this one name only, so that no other file is changed through it.

    Args:
        path: The file.
        flags: The flags of ``os.open``.

    Returns:
        The file descriptor.

    Raises:
        OSError: The path is a link or no regular file, or it cannot be opened.
    """
    if not path.is_symlink():
        descriptor = os.open(path, flags | _FLAGS, 0o666)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
            return descriptor
        os.close(descriptor)
    raise OSError(f"{path} is a link or no regular file, and a download does not write to such a file: remove it")


def _digest(address: str) -> str:
    """Return a hash to store in the place of the address, which may contain a password."""
    return hashlib.sha256(address.encode()).hexdigest()
