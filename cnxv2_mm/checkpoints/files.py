"""Read the tensors out of checkpoint files, without running code that is in them.

A pickle can run any code when it is read. PyTorch's restricted unpickler reads tensors and plain containers only. The
few harmless types that training codes store beside the tensors are allowed in addition; anything else is read only if
the user trusts the file.
"""

import os
import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.fileio import get_local_path
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from torch import Tensor

from cnxv2_mm import zoo
from cnxv2_mm.checkpoints.addresses import fetch_from_library
from cnxv2_mm.checkpoints.shards import read_index, read_shards
from cnxv2_mm.zoo.checkpoint_format import Kind, is_whole_pickle, recognise

# The entries under which training codes store weights: timm (averaged), official (averaged), mmengine, official. With
# mmengine's EMAHook 'state_dict' holds the averaged weights and 'ema_state_dict' those that were being trained.
ENTRIES = ("state_dict_ema", "model_ema", "state_dict", "model", "ema_state_dict")
_SHOWN = 8
# PyTorch's own switch, for all files that a process reads.
TRUST = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def trust_pickle() -> None:
    """Allow every checkpoint that this process reads to run the code that is in it."""
    os.environ[TRUST] = "1"


def is_trusted() -> bool:
    """Whether checkpoints may run the code that is in them."""
    return os.environ.get(TRUST, "0").lower() in ("1", "y", "yes", "true")


def allow_checkpoint_types() -> None:
    """Let PyTorch's restricted unpickler read what mmengine and the official code store beside the tensors.

    These are the history of logged numbers, numpy's arrays and numbers, parts of configs, schedulers, and the options
    of argparse. Without them mmengine 0.10.7 can neither load nor resume since torch 2.6, which made the restricted
    unpickler the default. The maintained family of mmengine allows ``getattr`` on any object, which lets code run; here
    only the harmless types are allowed, each by its name.
    """
    multiarray = (np._core if hasattr(np, "_core") else np.core).multiarray
    dtypes = {type(np.dtype(kind)) for kind in "?bhilqBHILQefdFDU"}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            OneCycleParamScheduler,
            (_getattr, "builtins.getattr"),
            ConfigDict,
            Namespace,
            # numpy 2 has moved them; a file contains the names of the numpy that wrote it.
            *((multiarray._reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
            *((multiarray.scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
            np.ndarray,
            np.dtype,
            *dtypes,
        ]
    )


# All uses of ``getattr`` in mmengine's checkpoints: objects of these classes store functions of their class.
_FUNCTIONS = {
    HistoryBuffer: ("mean", "max", "min", "current"),
    OneCycleParamScheduler: ("_annealing_cos", "_annealing_linear"),
}


def _getattr(owner: type, name: str) -> Callable[..., Any]:
    if not isinstance(owner, type) or name not in _FUNCTIONS.get(owner, ()):
        raise UnpicklingError(f"the checkpoint asks for {name!r} of {owner!r}, which no checkpoint of mmengine does.")
    return getattr(owner, name)


def read_tensors(
    checkpoint: str | os.PathLike[str], entry: str | None = None, trust_pickle: bool = False
) -> tuple[dict[str, Tensor], str]:
    """Read the weights of a checkpoint. The kind of the file is recognised by its content, not by its ending.

    Args:
        checkpoint: A file (``~`` is the home folder), a name of ``cnxv2_mm.zoo``, an http(s) address, one of
            :mod:`cnxv2_mm.checkpoints.addresses`, or one for which mmengine has a file backend, such as s3://. Of an
            index all files are read that it names, see :mod:`cnxv2_mm.checkpoints.shards`.
        entry: The entry of the file that holds the weights; None for the first of :data:`ENTRIES`, or the top level.
        trust_pickle: Read the file even if it then runs code that is in it.

    Returns:
        The tensors by name, and the entry that holds them ('' for the top level).

    Raises:
        OSError: There is no such file, or not all files that an index names are there, or it cannot be downloaded.
        ValueError: The file is damaged or no checkpoint, it would run code, or it has no such entry; or there is
            nothing at such an address.
    """
    text = os.fspath(checkpoint)
    if (path := local_file(text)) is not None:
        content = _read(path, trust_pickle)
    elif "://" in text:
        with get_local_path(text) as path:
            content = _read(Path(path), trust_pickle)
    else:
        what = "is a folder; name the file in it" if _expand(text).is_dir() else "does not exist"
        raise FileNotFoundError(
            f"checkpoint={text!r} {what}; train it first, or name another file, an address, or one of the names that "
            "`cnxv2 zoo list` shows"
        )
    try:
        return _find_tensors(content, entry)
    except ValueError as error:
        raise ValueError(f"checkpoint={text!r}: {error}") from error


def local_file(checkpoint: str | os.PathLike[str]) -> Path | None:
    """Return the local file of a checkpoint; that of an address or of a name of the zoo is downloaded first.

    Returns:
        None if there is no such file, or if a file backend of mmengine has to read it.

    Raises:
        OSError: It cannot be downloaded.
        ValueError: There is nothing at such an address.
    """
    text = os.fspath(checkpoint)
    if _expand(text).is_file():
        return _expand(text)
    if zoo.is_name(text) or text.startswith(("http://", "https://")):
        return zoo.fetch(text)
    return fetch_from_library(text) if "://" in text else None


def source_files(checkpoint: str | os.PathLike[str]) -> list[Path]:
    """Return the local file of a checkpoint (:func:`local_file`), and all files that it names if it is an index."""
    path = local_file(checkpoint)
    return [] if path is None else [path, *(read_index(path) or ())]


def _expand(text: str) -> Path:
    return Path(os.path.expanduser(text))


def _read(path: Path, trust_pickle: bool) -> Any:
    if shards := read_index(path):
        return read_shards(path, shards, lambda shard: _read_file(shard, trust_pickle))
    return _read_file(path, trust_pickle)


def _read_file(path: Path, trust_pickle: bool) -> Any:
    name = f"checkpoint={str(path)!r}"
    try:
        kind = recognise(path)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error
    safetensors = safetensors_library() if kind is Kind.SAFETENSORS else None
    allow_checkpoint_types()
    try:
        if safetensors is not None:
            return safetensors.load_file(path)
        with path.open("rb") as file:  # from a path, torch goes by the ending
            return torch.load(file, map_location="cpu", weights_only=not (trust_pickle or is_trusted()))
    except Exception as error:  # damaged bytes make an unpickler fail in any way
        reason = str(error).strip().split("\n")[0][:100] or type(error).__name__
        if trust_pickle and isinstance(error, (ImportError, AttributeError)):
            raise ValueError(f"{name} needs code that is not here ({reason}); make it importable") from error
        refused = isinstance(error, UnpicklingError) and not trust_pickle
        if refused and (kind is Kind.ARCHIVE or is_whole_pickle(path)):
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise ValueError(
                f"{name} holds more than tensors{f' ({named[1]})' if named else ''} and could run code when read; save "
                "its weights alone, or, if you trust whoever wrote it, set trust_pickle=True (--trust-pickle)"
            ) from error
        raise ValueError(f"{name} is damaged or no checkpoint ({reason}); download it or save it again") from error


def safetensors_library() -> ModuleType:
    """Return the module that reads and writes safetensors; an environment without it still reads the other files."""
    try:
        import safetensors.torch
    except ImportError as error:
        raise ModuleNotFoundError("safetensors files need the package safetensors: pip install safetensors") from error
    return safetensors.torch


def _find_tensors(content: Any, entry: str | None) -> tuple[dict[str, Tensor], str]:
    if not isinstance(content, Mapping):
        raise ValueError(
            f"it holds no tensors by name, but an object of type {type(content).__name__}; save a state_dict"
        )
    if entry is not None and entry not in content:
        raise ValueError(f"it has no entry {entry!r}; it has {_describe_entries(content)}")
    candidates = {key: content[key] for key in ((entry,) if entry is not None else ENTRIES) if key in content}
    if entry is None:
        candidates[""] = content
    for key, mapping in candidates.items():
        tensors = {k: v for k, v in mapping.items() if isinstance(v, Tensor)} if isinstance(mapping, Mapping) else {}
        if nameless := [name for name in tensors if not isinstance(name, str)]:
            raise ValueError(
                f"it numbers its tensors{f' in {key!r}' if key else ''} ({nameless[0]!r:.60}) instead of naming them; "
                "save the state_dict of the network"
            )
        if tensors:
            return tensors, key
    where = f"under {', '.join(map(repr, ENTRIES))} or at its top" if entry is None else f"under {entry!r}"
    nested = any(isinstance(value, Mapping) for value in content.values())
    fix = "name the one with the weights as entry (--entry)" if nested else "choose a file with a state_dict"
    raise ValueError(f"it holds no tensors {where}; it has {_describe_entries(content)}; {fix}")


def _describe_entries(content: Mapping[Any, Any]) -> str:
    """Return the names of the entries of a file, and what each holds, for a message."""
    shown = []
    for key in list(content)[:_SHOWN]:
        value = content[key]
        count = sum(isinstance(v, Tensor) for v in value.values()) if isinstance(value, Mapping) else 0
        shown.append(f"{key!r:.60} ({f'{count} tensors' if count else type(value).__name__})")
    return (", ".join(shown) + (", ..." if len(content) > _SHOWN else "")) or "none"
