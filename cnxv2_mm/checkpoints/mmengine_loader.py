"""Make mmengine's own loader of checkpoints run no code that is in a file.

Runners, mmengine's ``Pretrained`` and the functions of the libraries all read checkpoints through mmengine's loader.
The maintained family of mmengine first tries PyTorch's restricted unpickler. If that refuses a file, it reads the file
again without restriction, and the code in it runs. Both families read addresses without restriction. Importing
``cnxv2_mm`` calls :func:`restrict_loader`, which changes this and nothing else.

Users who trust a file say so with the option ``--trust-pickle`` of our tools. Where there is no such option, they set
the environment variable that PyTorch has for it.
"""

import os
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from mmengine.runner import CheckpointLoader, checkpoint
from torch.serialization import MAP_LOCATION

from cnxv2_mm.checkpoints.files import TRUST, allow_checkpoint_types, is_trusted
from cnxv2_mm.zoo.checkpoint_format import Kind, is_whole_pickle, recognise


def restrict_loader() -> None:
    """Make mmengine's checkpoint loader refuse files that could run code."""
    allow_checkpoint_types()
    CheckpointLoader.register_scheme("", load_from_local, force=True)
    checkpoint.load_url = _load_url
    if hasattr(checkpoint, "_safe_torch_load"):  # the maintained family's, called by the schemes that are left
        checkpoint._safe_torch_load = _read


def load_from_local(filename: str, map_location: MAP_LOCATION = None) -> Any:
    """Read a checkpoint from the disk; mmengine calls it for every path.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or could run code.
    """
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"checkpoint {filename!r} does not exist (looked for {os.path.abspath(path)}).")
    return _read(path, map_location)


def read_without_tensors(path: str | os.PathLike[str]) -> Any:
    """Open a checkpoint quickly: a tensor is read from the disk only when it is used.

    Raises:
        ValueError: The file is damaged, or could run code.
    """
    return _read(path, "cpu", mmap=is_zipfile(path))


def is_whole(path: str | os.PathLike[str]) -> bool:
    """Whether a file of ``torch.save`` is complete and its checksums are right."""
    try:
        return recognise(Path(path)) is Kind.ARCHIVE
    except (OSError, ValueError):
        return False


def _read(
    file: Any, map_location: MAP_LOCATION = None, weights_only: bool | None = None, mmap: bool | None = None
) -> Any:
    """Read a file, a path or an open one, in the place of mmengine's ``_safe_torch_load``."""
    path = Path(file) if isinstance(file, str | os.PathLike) else None
    if path and not mmap:
        _check_kind(path)
    if weights_only is None:
        weights_only = not is_trusted()
    try:
        return torch.load(file, map_location=map_location, weights_only=weights_only, mmap=mmap)
    except UnpicklingError as error:
        raise _refusal(str(path or "from storage"), error) from error


def _check_kind(path: Path) -> None:
    """Refuse a file that ``torch.load`` cannot read, or reads wrongly without an error."""
    try:
        kind = recognise(path)
        if kind is Kind.PICKLE and not is_whole_pickle(path):
            raise ValueError("is damaged or no checkpoint; download it or save it again")
    except ValueError as error:
        raise ValueError(f"checkpoint {str(path)!r} {error}") from error
    if kind is Kind.SAFETENSORS:
        raise ValueError(
            f"checkpoint {str(path)!r} is a safetensors file, which mmengine cannot read: use it in an init_cfg of "
            "type 'cnxv2_mm.Pretrained', or convert it to .pth with tools/convert_checkpoint.py"
        )


def _load_url(url: str, **options: Any) -> Any:
    """Download and read a file in the place of PyTorch's ``load_url``, which by default lets the file run code."""
    try:
        return torch.hub.load_state_dict_from_url(url, weights_only=not is_trusted(), **options)
    except UnpicklingError as error:
        raise _refusal(url, error) from error


def _refusal(name: str, error: UnpicklingError) -> ValueError:
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    return ValueError(
        f"checkpoint {name!r} holds more than tensors{f' ({named[1]})' if named else ''} and could run code when read: "
        f"if you trust whoever wrote it, add --trust-pickle, or set {TRUST}=1 where there is no such option."
    )
