"""The folder of downloaded weights, shared with torch.hub and mmengine."""

from pathlib import Path

import torch
from mmengine.logging import print_log

from cnxv2_mm.zoo.download import download, is_whole
from cnxv2_mm.zoo.names import find_file, is_name
from cnxv2_mm.zoo.table import LICENCE


def fetch(name_or_url: str, folder: Path | None = None) -> Path:
    """The local file of a weight, downloaded unless it is there already.

    Safe to call from every process of a distributed run: one downloads, the others wait for it.

    Args:
        name_or_url: See :func:`cnxv2_mm.zoo.find_file`.
        folder: Where it shall lie; by default ``checkpoints`` in torch.hub's folder, which the environment variable
            TORCH_HOME moves.

    Raises:
        ValueError: There is no such weight.
        ConnectionError: It cannot be downloaded; says from where and where to put it by hand.
        RuntimeError: What came is not what was published.
    """
    file = find_file(name_or_url)
    target = (folder or Path(torch.hub.get_dir()) / "checkpoints") / file.name
    if is_whole(target, file.sha256):
        return target
    if target.is_file():
        print_log(f"{target} is damaged: its SHA-256 does not begin with {file.sha256}", logger="current")
    terms = f" (weights: {LICENCE}, no commercial use)" if is_name(name_or_url) else ""
    print_log(f"{target} is not there yet; it comes from {file.address}{terms}", logger="current")
    download([file.address, *([file.mirror] if file.mirror else [])], target, file.sha256)
    return target
