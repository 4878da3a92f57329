"""The bytes of a download that came so far, and whose bytes they are. Links are never followed."""

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
    """Where a transfer is gathered; a file beside it names the address and the validator of what it holds.

    Attributes:
        path: Of the gathered bytes.
    """

    path: Path

    def begun(self, address: str) -> tuple[int, str]:
        """Return what can be continued.

        Args:
            address: Where the rest shall come from.

        Returns:
            How many bytes are here, and the strong ETag that the address gave them; (0, '') if they are from another
            address, from an unknown one, or without such an ETag.
        """
        try:
            with os.fdopen(open_own_file(self._origin, os.O_RDONLY), "rb") as file:
                origin = json.loads(file.read())
            if origin["address"] == _digest(address):
                with os.fdopen(open_own_file(self.path, os.O_RDONLY), "rb") as file:
                    return os.fstat(file.fileno()).st_size, str(origin["etag"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # of another program
            pass
        return 0, ""

    def begin(self, address: str, etag: str | None) -> None:
        """Empty the file for what an address sends.

        Args:
            address: Where it comes from.
            etag: The validator that came with it; what has none, or a weak one, is never continued.
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
        """To append to."""
        return os.fdopen(open_own_file(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Give the file its name."""
        os.replace(self.path, target)
        self._origin.unlink(missing_ok=True)

    @property
    def _origin(self) -> Path:
        return self.path.with_name(f"{self.path.name}.etag")


def open_own_file(path: Path, flags: int) -> int:
    """Open a file that nothing else has a name for, so that no other file is written through it.

    Args:
        path: The file.
        flags: As of ``os.open``.

    Returns:
        The file descriptor.

    Raises:
        OSError: It is a link, or no regular file; or it cannot be opened.
    """
    if not path.is_symlink():
        descriptor = os.open(path, flags | _FLAGS, 0o666)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
            return descriptor
        os.close(descriptor)
    raise OSError(f"{path} is a link, or no regular file, and a download writes through neither: remove it")


def _digest(address: str) -> str:
    """Instead of the address, which may hold a password."""
    return hashlib.sha256(address.encode()).hexdigest()
