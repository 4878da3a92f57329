"""The encoder of a pre-training as a file: in our names, and in those of other libraries."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from cnxv2_mm.checkpoints.convert import convert
from cnxv2_mm.checkpoints.target import write_tensors
from cnxv2_mm.recipes.run_folder import FORMATS, RunFolder


def write_encoder(backbone: nn.Module, folder: RunFolder, metadata: Mapping[str, Any]) -> None:
    """Write ``encoder.safetensors``.

    Args:
        backbone: The encoder.
        folder: The run folder.
        metadata: What the file says about itself; values that are no texts are written as JSON.
    """
    tensors = {f"backbone.{name}": tensor.detach().cpu() for name, tensor in backbone.state_dict().items()}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    write_tensors(tensors, folder.encoder, overwrite=True, metadata=texts)


def export_encoder(folder: RunFolder, formats: Sequence[str]) -> list[Path]:
    """Write the encoder in the names of other libraries, ``encoder_<format>.safetensors``.

    Args:
        folder: The run folder, with its encoder.
        formats: Names in :data:`cnxv2_mm.recipes.run_folder.FORMATS`.

    Returns:
        The files.
    """
    files = []
    for name in formats:
        target = folder.exported(name)
        convert(folder.encoder, target, name, overwrite=True)
        files.append(target)
    return files


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format that does not exist, before anything is computed.

    Raises:
        ValueError: One is unknown.
    """
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"--export {name} is unknown: choose one of {', '.join(FORMATS)}")
