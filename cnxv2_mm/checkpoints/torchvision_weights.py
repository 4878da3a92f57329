"""torchvision's own ConvNeXt weights, ``torchvision://convnext_tiny``: their addresses are in its own table."""

import re
from pathlib import Path

import torch

from cnxv2_mm.zoo.download import download, find_flaw

TORCHVISION_SCHEME = "torchvision"
_SHA256 = re.compile(r"-([0-9a-f]{8,64})\.\w+$")  # PyTorch's file names end with the first digits of it


def fetch_from_torchvision(name: str) -> Path:
    """Return the local file of weights of torchvision's; it is downloaded unless it is already there and intact.

    Args:
        name: A model, for its newest weights, or ``MODEL.WEIGHTS``, such as ``convnext_tiny.IMAGENET1K_V1``.

    Raises:
        ValueError: torchvision has no such ConvNeXt, or no such weights of it.
        ConnectionError: The file cannot be downloaded, or the server sends something else.
        OSError: The folder cannot be written.
    """
    from torchvision import models  # takes a second, which those who use other files need not wait

    checkpoint = f"checkpoint='{TORCHVISION_SCHEME}://{name}'"
    model, _, version = name.partition(".")
    known = sorted(models.list_models(module=models, include="convnext_*"))
    if model not in known:
        raise ValueError(f"{checkpoint}: torchvision has no ConvNeXt {model!r}; choose one of {', '.join(known)}")
    table = models.get_model_weights(model)
    if version and version not in table.__members__:
        raise ValueError(
            f"{checkpoint}: torchvision has no weights {version!r} of {model}; choose one of "
            f"{', '.join(table.__members__)}"
        )
    address = table[version or "DEFAULT"].url
    file = address.rpartition("/")[2]
    published = _SHA256.search(file)
    sha256 = published[1] if published else None
    target = Path(torch.hub.get_dir()) / "checkpoints" / file  # where torchvision itself keeps it
    if not target.is_file() or find_flaw(target, sha256) is not None:
        download([address], target, sha256)
    return target
