"""Addresses that are no http(s) and no file: the library that brings their file, or what to write instead."""

from pathlib import Path

from mmengine.fileio.io import prefix_to_backends

from cnxv2_mm.checkpoints.hugging_face_hub import HUB_SCHEME, fetch_from_hub
from cnxv2_mm.checkpoints.torchvision_weights import TORCHVISION_SCHEME, fetch_from_torchvision
from cnxv2_mm.command_line import command

_LISTS_OF_MMENGINE = ("open-mmlab", "openmmlab", "mmcls")


def fetch_from_library(address: str) -> Path | None:
    """Return the local file of an address of another library; it is downloaded unless it is already there.

    Args:
        address: ``torchvision://NAME``, ``hf://ORG/NAME[/FILE]``, or one with the scheme of a file backend of mmengine.

    Returns:
        The file; None if a file backend of mmengine has to read it.

    Raises:
        ValueError: Nothing is known under such a scheme, or the library has no such weights.
        OSError: They cannot be downloaded or stored.
    """
    scheme, _, rest = address.partition("://")
    if scheme == TORCHVISION_SCHEME:
        return fetch_from_torchvision(rest)
    if scheme == HUB_SCHEME:
        return fetch_from_hub(rest)
    prefix = scheme.rpartition(":")[2]  # mmengine has clusters, name:s3://
    if prefix and prefix in prefix_to_backends:
        return None
    if scheme == "modelzoo":
        raise ValueError(f"checkpoint={address!r}: write {TORCHVISION_SCHEME}://{rest} instead")
    what = "is a list of mmengine's without any ConvNeXt" if scheme in _LISTS_OF_MMENGINE else "is unknown"
    raise ValueError(
        f"checkpoint={address!r}: {scheme}:// {what}; write a file, its https:// address, a name of cnxv2_mm.zoo such "
        f"as mmpretrain:convnextv2_tiny_in1k (`{command('zoo')} list` shows them), {TORCHVISION_SCHEME}://NAME or "
        f"{HUB_SCHEME}://ORG/NAME"
    )
