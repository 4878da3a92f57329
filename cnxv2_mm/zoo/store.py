"""The folder of downloaded weights, shared with torch.hub and mmengine."""

import logging
from pathlib import Path

import torch
from mmengine.logging import print_log

from cnxv2_mm.zoo.download import download, find_flaw
from cnxv2_mm.zoo.names import find_file, find_weight, is_name


def fetch(name_or_url: str, folder: Path | None = None) -> Path:
    """Return the local file of a weight. It is downloaded unless it is already there and intact.

    Every process of a distributed run may call this: one downloads, the others wait.

    Args:
        name_or_url: A name of the zoo or an address, see :func:`cnxv2_mm.zoo.find_file`.
        folder: The folder of the file. The default is ``checkpoints`` in the folder of torch.hub, which the environment
            variable TORCH_HOME moves.

    Raises:
        ValueError: There is no such weight.
        ConnectionError: The file cannot be downloaded, or the server sends something else. The text has the address,
            and the place for a file that you download yourself.
        OSError: The folder cannot be written.
    """
    file = find_file(name_or_url)
    target = (folder or Path(torch.hub.get_dir()) / "checkpoints") / file.name
    if target.is_file():
        flaw = find_flaw(target, file.sha256)
        if flaw is None:
            return target
        print_log(f"{target} will be replaced: {flaw}", logger="current", level=logging.WARNING)
    terms = f" (weights: {find_weight(name_or_url).terms})" if is_name(name_or_url) else ""
    print_log(f"{target} comes from {file.address}{terms}", logger="current")
    download([file.address, *([file.mirror] if file.mirror else [])], target, file.sha256)
    return target
