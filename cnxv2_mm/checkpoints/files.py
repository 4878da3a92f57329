"""Reading and writing checkpoint files: tensors only, whole or not at all.

A pickle can run any code when it is read. Files are read with PyTorch's restricted unpickler; the few harmless types
that training codes put beside tensors are let through, anything else only if the user trusts the file.
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

# Where training codes keep the weights, averaged ones first: timm, official, mmengine, official. With mmengine's
# EMAHook 'state_dict' is the average and 'ema_state_dict' what was being trained.
ENTRIES = ("state_dict_ema", "model_ema", "state_dict", "model", "ema_state_dict")
SAFETENSORS = ".safetensors"
PICKLES = (".pth", ".pt", ".bin")
# PyTorch's own switch, for all files of a process.
TRUST = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def trust_pickle() -> None:
    """Lets every checkpoint that this process reads run the code that is in it."""
    os.environ[TRUST] = "1"


def is_trusted() -> bool:
    """Whether the user has asked for that."""
    return os.environ.get(TRUST, "0").lower() in ("1", "y", "yes", "true")


def allow_checkpoint_types() -> None:
    """Lets PyTorch's restricted unpickler read what mmengine and the official code keep beside the tensors.

    That is the history of what was logged, numpy's arrays and numbers, parts of configs, schedulers and argparse's
    options. Since 2.6 torch reads tensors and plain containers only; mmengine 0.10.7 then fails to resume and to load,
    and the maintained family allows ``getattr`` on anything. Naming the few harmless types keeps the restriction.
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
            # numpy 2 has moved them; a file has the names of the numpy that wrote it.
            *((multiarray._reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
            *((multiarray.scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
            np.ndarray,
            np.dtype,
            *dtypes,
        ]
    )


# The uses of ``getattr`` in mmengine's checkpoints: two classes whose objects keep functions of their class.
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
    """Reads the weights of a checkpoint.

    Args:
        checkpoint: A file, a name in ``cnxv2_mm.zoo``, or an address that mmengine's file backends know.
        entry: The entry of the file that holds the weights; None for the first of :data:`ENTRIES`, or the top level.
        trust_pickle: Read the file even if that runs code which is in it.

    Returns:
        The tensors by name, and the entry they are from ('' for the top level).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, is no checkpoint, wants to run code, or has no such entry.
    """
    text = os.fspath(checkpoint)
    if Path(text).is_file():
        content = _read(Path(text), trust_pickle)
    elif zoo.is_name(text) or text.startswith(("http://", "https://")):
        content = _read(zoo.fetch(text), trust_pickle)
    elif "://" in text:
        with get_local_path(text) as path:
            content = _read(Path(path), trust_pickle)
    else:
        what = "is a folder; name the file in it" if Path(text).is_dir() else "does not exist"
        raise FileNotFoundError(
            f"checkpoint={text!r} {what}; train it first, or set init_cfg to a file, an address or a name of "
            "cnxv2_mm.zoo"
        )
    try:
        return _find_tensors(content, entry)
    except ValueError as error:
        raise ValueError(f"checkpoint={text!r}: {error}") from error


def write_tensors(tensors: Mapping[str, Tensor], path: str | os.PathLike[str], wrapper: str = "") -> None:
    """Writes tensors under another name first, so that ``path`` is never half a file.

    Args:
        tensors: What to write, each with memory of its own.
        path: Ends in .safetensors, or in .pth, .pt or .bin for a file of ``torch.save``.
        wrapper: Entry to put the tensors in; safetensors files have none.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: Another ending.
    """
    path = Path(path)
    check_target(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == SAFETENSORS:
            _safetensors().save_file(dict(tensors), temporary, metadata={"format": "pt"})
        else:
            torch.save({wrapper: dict(tensors), "meta": {}} if wrapper else dict(tensors), temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path) -> None:
    """Refuses what :func:`write_tensors` could not write, before anything is computed; raises as it does."""
    if path.suffix not in (SAFETENSORS, *PICKLES):
        raise ValueError(f"{str(path)!r} must end in {SAFETENSORS}, or in one of {', '.join(PICKLES)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {str(path.parent)!r} of {path.name!r} does not exist; make it first")


def _read(path: Path, trust_pickle: bool) -> Any:
    if path.stat().st_size == 0:
        raise ValueError(f"checkpoint={str(path)!r} is empty; get or write it anew")
    if path.suffix == SAFETENSORS:
        read = _safetensors().load_file
    else:
        allow_checkpoint_types()

        def read(path: Path) -> Any:
            return torch.load(path, map_location="cpu", weights_only=not (trust_pickle or is_trusted()))

    try:
        return read(path)
    except Exception as error:  # damaged bytes make an unpickler fail in any way
        if isinstance(error, UnpicklingError) and is_pickle(path):
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise ValueError(
                f"checkpoint={str(path)!r} holds more than tensors{f' ({named[1]})' if named else ''} and could run "
                "code when read; save its weights alone, or, if you trust whoever wrote it, set trust_pickle=True "
                "(--trust-pickle)"
            ) from error
        reason = str(error).strip().split("\n")[0][:100] or type(error).__name__
        raise ValueError(
            f"checkpoint={str(path)!r} is damaged or no checkpoint ({reason}); get or write it anew"
        ) from error


def _safetensors() -> ModuleType:
    """The library, which only files of that kind need."""
    try:
        import safetensors.torch
    except ImportError as error:
        raise ModuleNotFoundError(
            f"files that end in {SAFETENSORS} need the package safetensors: pip install safetensors"
        ) from error
    return safetensors.torch


def is_pickle(path: Path) -> bool:
    """Whether a file begins as pickles do, bare or in the zip archives of ``torch.save``."""
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _find_tensors(content: Any, entry: str | None) -> tuple[dict[str, Tensor], str]:
    found = {}
    if isinstance(content, Mapping):
        found = {key: content[key] for key in content if isinstance(content[key], Mapping)}
    if entry is not None:
        if entry not in found:
            raise ValueError(f"it has no entry {entry!r}; it has {', '.join(map(repr, found)) or 'none'}")
        candidates = {entry: found[entry]}
    else:
        candidates = {key: found[key] for key in ENTRIES if key in found} | {"": content}
    for key, mapping in candidates.items():
        tensors = {k: v for k, v in mapping.items() if isinstance(v, Tensor)} if isinstance(mapping, Mapping) else {}
        if tensors:
            return tensors, key
    raise ValueError(f"it holds no tensors under {', '.join(map(repr, ENTRIES))} or at its top")
