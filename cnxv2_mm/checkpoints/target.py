"""Write a checkpoint file: completely, or not at all."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from cnxv2_mm.checkpoints.files import safetensors_library
from cnxv2_mm.whole_file import whole_file

SAFETENSORS = ".safetensors"
PICKLES = (".pth", ".pt", ".bin")


def check_target(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Refuse a target that :func:`write_tensors` cannot write, before anything is computed.

    Args:
        path: The file to write; ``~`` is the home folder.
        overwrite: Whether it may exist.

    Returns:
        The file that will be written; if ``path`` is a link, the file that it points to.

    Raises:
        OSError: The target is a folder, exists already, is in a folder that does not exist, or has a name that the
            system does not allow.
        ValueError: Its name has another ending than those of a checkpoint.
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
            f"target={name!r} exists already; choose another name, or replace it with overwrite=True (--overwrite)"
        )
    return target


def write_tensors(
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    wrapper: str = "",
    overwrite: bool = False,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write tensors to a file. They go to a temporary file first, so that ``path`` is never incomplete.

    Args:
        tensors: The tensors to write; no two of them may share memory.
        path: The file to write. It ends in .safetensors, or in .pth, .pt or .bin for a file of ``torch.save``. If it
            is a link, the file that it points to is written.
        wrapper: Entry of the file under which to store the tensors, '' for the top level; safetensors have no entries.
        overwrite: Replace the file if it exists.
        metadata: What a safetensors file says about itself; other files do not keep it.

    Raises:
        OSError: See :func:`check_target`; or the file cannot be written. A file that was there is unchanged.
        ValueError: The name has another ending.
    """
    target = check_target(path, overwrite)
    try:
        with whole_file(target) as part:
            if Path(path).suffix.lower() == SAFETENSORS:
                safetensors_library().save_file(dict(tensors), part, metadata={"format": "pt", **metadata})
            else:
                with part.open("wb") as file:
                    torch.save({wrapper: dict(tensors), "meta": {}} if wrapper else dict(tensors), file)
    except Exception as error:
        if number := _system_error(error):
            raise OSError(number, f"target cannot be written: {os.strerror(number)}", os.fspath(path)) from error
        raise


def _system_error(error: Exception) -> int | None:
    """Return the error number of the system; None if the system had no error.

    PyTorch raises an error of its own after that of the system, safetensors has the number in its text.
    """
    for one in (error, error.__context__):
        if isinstance(one, OSError):
            return one.errno
        if found := re.search(r"\(os error (\d+)\)", str(one)):
            return int(found[1])
    return None
