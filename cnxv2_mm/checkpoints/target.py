"""Writing a checkpoint: its target is replaced at once and whole, or stays as it was."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from cnxv2_mm.checkpoints.files import safetensors_library
from cnxv2_mm.whole_file import whole_file

SAFETENSORS = ".safetensors"
PICKLES = (".pth", ".pt", ".bin")


def check_target(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Refuses what :func:`write_tensors` could not write, before anything is computed.

    Args:
        path: The file to write; ``~`` is the home folder.
        overwrite: Whether it may exist.

    Returns:
        The file that will be written: what ``path`` names if that is a link.

    Raises:
        OSError: It is a folder, it exists, its folder does not, or the system knows no such names.
        ValueError: Another ending.
    """
    name = os.fspath(path)
    target = Path(os.path.realpath(os.path.expanduser(name)))
    if target.is_dir():
        raise IsADirectoryError(f"target={name!r} is a folder; name a file in it")
    if Path(name).suffix.lower() not in (SAFETENSORS, *PICKLES):
        raise ValueError(f"target={name!r} must end in {SAFETENSORS}, or in one of {', '.join(PICKLES)}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder of target={name!r} does not exist; make {str(target.parent)!r} first")
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"target={name!r} exists already; choose another name, or have it replaced: overwrite=True (--overwrite)"
        )
    return target


def write_tensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike[str], wrapper: str = "", overwrite: bool = False
) -> None:
    """Write tensors under another name first, so that ``path`` is never half a file.

    Args:
        tensors: What to write, each with memory of its own.
        path: Ends in .safetensors, or in .pth, .pt or .bin for a file of ``torch.save``. Where it is a link, the file
            that it names is written.
        wrapper: Entry to put the tensors in; safetensors files have none.
        overwrite: Replace the file if it exists.

    Raises:
        OSError: As :func:`check_target` does, or the file cannot be written; an older one is as it was.
        ValueError: Another ending.
    """
    target = check_target(path, overwrite)
    try:
        with whole_file(target) as part:
            if Path(path).suffix.lower() == SAFETENSORS:
                safetensors_library().save_file(dict(tensors), part, metadata={"format": "pt"})
            else:
                with part.open("wb") as file:
                    torch.save({wrapper: dict(tensors), "meta": {}} if wrapper else dict(tensors), file)
    except Exception as error:
        if number := _system_error(error):
            raise OSError(number, f"target cannot be written: {os.strerror(number)}", os.fspath(path)) from error
        raise


def _system_error(error: Exception) -> int | None:
    """Return the system's number of what failed. PyTorch raises its own error after it.

    Safetensors has it in its text.
    """
    for one in (error, error.__context__):
        if isinstance(one, OSError):
            return one.errno
        if found := re.search(r"\(os error (\d+)\)", str(one)):
            return int(found[1])
    return None
