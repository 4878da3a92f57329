"""What mmengine itself reads runs no code either.

Runners, mmengine's ``Pretrained`` and the libraries' own functions all read checkpoints through mmengine's loader. The
maintained family tries PyTorch's restricted unpickler and, where that refuses a file, reads it again without
restriction, so that code in the file runs; both families read addresses without restriction. :func:`restrict_loader`,
called when ``cnxv2_mm`` is imported, mends the loader and nothing else.

A user who trusts a file says so with ``--trust-pickle`` of our tools, or, where there is no such option, with the
environment variable that PyTorch has for this.
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
    """Return what a checkpoint holds, in little time: its tensors are read from the disk only when they are looked at.

    Raises:
        ValueError: The file is damaged, or could run code.
    """
    return _read(path, "cpu", mmap=is_zipfile(path))


def is_whole(path: str | os.PathLike[str]) -> bool:
    """Whether a file of ``torch.save`` is complete and has the checksums that it was written with."""
    try:
        return recognise(Path(path)) is Kind.ARCHIVE
    except (OSError, ValueError):
        return False


def _read(
    file: Any, map_location: MAP_LOCATION = None, weights_only: bool | None = None, mmap: bool | None = None
) -> Any:
    """In the place of mmengine's ``_safe_torch_load``; ``file`` is a path or an open file."""
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
    """Refuses what ``torch.load`` would not read, or would read wrongly without a word."""
    try:
        kind = recognise(path)
        if kind is Kind.PICKLE and not is_whole_pickle(path):
            raise ValueError("is damaged or no checkpoint; get or write it anew")
    except ValueError as error:
        raise ValueError(f"checkpoint {str(path)!r} {error}") from error
    if kind is Kind.SAFETENSORS:
        raise ValueError(
            f"checkpoint {str(path)!r} is a safetensors file, which mmengine does not read: name it in an init_cfg of "
            "type 'cnxv2_mm.Pretrained', or write it as .pth with tools/convert_checkpoint.py"
        )


def _load_url(url: str, **options: Any) -> Any:
    """In the place of PyTorch's ``load_url``, whose files run code unless it is told otherwise."""
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
