"""A checkpoint in several files, the shards, of which an index says which file holds which tensor.

The form is that of transformers 4.57.6 (``save_pretrained``): ``model.safetensors.index.json``, or
``pytorch_model.bin.index.json`` for files of ``torch.save``. The shards are in the folder of the index.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

_LARGEST_INDEX = 100_000_000  # bytes
_SHOWN = 3


def named_shards(index: Path, checkpoint: str) -> dict[str, list[str]] | None:
    """Return the names of the shards that an index names, and the tensors that it says are in each.

    Args:
        index: The file.
        checkpoint: What the messages of its errors begin with.

    Returns:
        None if the file is no index.

    Raises:
        ValueError: The index names something else than files in its folder.
    """
    with index.open("rb") as file:
        if not file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or index.stat().st_size > _LARGEST_INDEX:
            return None
    try:
        content = json.loads(index.read_bytes())
    except (ValueError, RecursionError):
        return None
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict):
        return None
    shards: dict[str, list[str]] = defaultdict(list)
    for tensor, shard in places.items():
        if not isinstance(shard, str) or shard in ("", ".", "..") or "/" in shard or "\\" in shard:
            raise ValueError(
                f"{checkpoint} says that {tensor!r:.60} is in {shard!r:.60}, and shards are files in "
                "the folder of their index: download both again"
            )
        shards[shard].append(tensor)
    return dict(shards)


def read_index(path: Path) -> dict[Path, list[str]] | None:
    """Return the shards that an index names, and the tensors that it says are in each.

    Returns:
        None if the file is no index.

    Raises:
        FileNotFoundError: A shard is not in the folder of the index.
        ValueError: The index names something else than files in its folder.
    """
    checkpoint = f"checkpoint={str(path)!r}"
    names = named_shards(path, checkpoint)
    if names is None:
        return None
    if missing := sorted(name for name in names if not (path.parent / name).is_file()):
        raise FileNotFoundError(
            f"{checkpoint} is the index of {len(names)} files, of which {len(missing)} are not in its folder "
            f"({_shorten(missing)}): download them there"
        )
    return {path.parent / name: tensors for name, tensors in names.items()}


def read_shards(index: Path, shards: Mapping[Path, list[str]], read: Callable[[Path], Any]) -> dict[str, Tensor]:
    """Read all shards of an index.

    Args:
        index: The file that :func:`read_index` read, for messages.
        shards: What it returned.
        read: Reads a file.

    Returns:
        The tensors of all shards, by name.

    Raises:
        ValueError: A shard does not hold exactly the tensors that the index says are in it, or ``read`` refuses it.
    """
    tensors: dict[str, Tensor] = {}
    lacking: dict[str, list[str]] = {}
    surplus: dict[str, list[str]] = {}
    for shard, names in shards.items():
        content = read(shard)
        held = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
        named = set(names)
        lacking[shard.name] = [name for name in names if name not in held]
        surplus[shard.name] = [str(name) for name in held if name not in named]
        tensors |= held
    for wrong, what in ((lacking, "does not hold"), (surplus, "also holds")):
        for shard_name, names in wrong.items():
            if names:
                raise ValueError(
                    f"checkpoint={str(index)!r} is not the index of these files: {shard_name!r} {what} {len(names)} "
                    f"tensors ({_shorten(names)}), other than the index says; download all of them again"
                )
    return tensors


def _shorten(names: list[str]) -> str:
    """Return the first few names for a message."""
    return ", ".join(f"{name!r:.80}" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
