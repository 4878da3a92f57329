"""The folder that a command writes into."""

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, before anything is computed for it.

    Raises:
        OSError: It cannot be made, or not be written into; the message names the command's option ``--out``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out: {folder} cannot be made ({error.strerror}); give another") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"--out: {folder} is not writable; give another")
