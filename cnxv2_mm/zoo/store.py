"""The folder of downloaded weights, shared with torch.hub and mmengine."""

import logging
from pathlib import Path

import torch
from mmengine.logging import print_log

from cnxv2_mm.zoo.download import download, find_flaw
from cnxv2_mm.zoo.names import find_file, is_name
from cnxv2_mm.zoo.table import LICENCE


def fetch(name_or_url: str, folder: Path | None = None) -> Path:
    """Return the local file of a weight, downloaded unless it is there already and has no flaw.

    Safe to call from every process of a distributed run: one downloads, the others wait for it.

    Args:
        name_or_url: See :func:`cnxv2_mm.zoo.find_file`.
        folder: Where it shall lie; by default ``checkpoints`` in torch.hub's folder, which the environment variable
            TORCH_HOME moves.

    Raises:
        ValueError: There is no such weight.
        ConnectionError: It cannot be downloaded, or what came is not the file; says from where and where to put it by
            hand.
        OSError: The folder cannot be written.
    """
    file = find_file(name_or_url)
    target = (folder or Path(torch.hub.get_dir()) / "checkpoints") / file.name
    if target.is_file():
        flaw = find_flaw(target, file.sha256)
        if flaw is None:
            return target
        print_log(f"{target} will be replaced: {flaw}", logger="current", level=logging.WARNING)
    terms = f" (weights: {LICENCE}, no commercial use)" if is_name(name_or_url) else ""
    print_log(f"{target} comes from {file.address}{terms}", logger="current")
    download([file.address, *([file.mirror] if file.mirror else [])], target, file.sha256)
    return target
