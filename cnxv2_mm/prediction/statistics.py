"""Mean and standard deviation by which the images of a network are normalised: those that it was trained with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from cnxv2_mm import zoo
from cnxv2_mm.checkpoints.backbone import weights_of
from cnxv2_mm.config.load import load_config
from cnxv2_mm.zoo.weight import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Statistics:
    """Of each channel, in the units of the images: 0 to 255 for bytes, RGB.

    Attributes:
        mean: One number for each channel.
        std: The same for the standard deviation, above 0.
        source: Where they come from, in words.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str

    def normalise(self, images: Tensor) -> Tensor:
        """Subtract the mean of (N, C, H, W) images and divide by the deviation; float32."""
        mean, std = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (self.mean, self.std))
        return (images.float() - mean) / std


def find_statistics(checkpoint: str, in_channels: int) -> Statistics:
    """Find the statistics of a network: in the zoo, in the file's metadata, or in the config beside it.

    Where none of them has any, ImageNet's are taken: for grey images, their average over the colours.

    Args:
        checkpoint: A name of the zoo, a file, an address or the folder of a run.
        in_channels: Number of channels of the network.

    Raises:
        ValueError: Nothing is known, and the network takes neither RGB nor grey; or what is known is for another number
            of channels.
    """
    for found in (_of_zoo(checkpoint), _of_metadata(checkpoint), _of_config(checkpoint)):
        if found is None:
            continue
        if not len(found.mean) == len(found.std) == in_channels:
            raise ValueError(
                f"{checkpoint} takes {in_channels} channels, and {found.source} has a mean of {len(found.mean)} and a "
                f"standard deviation of {len(found.std)}; give --mean and --std"
            )
        return found
    if in_channels not in (1, 3):
        raise ValueError(
            f"{checkpoint} takes {in_channels} channels and does not say their mean and standard deviation; give them "
            "with --mean and --std"
        )
    source = "ImageNet's, since the weights do not say theirs"
    if in_channels == 3:
        return Statistics(IMAGENET_MEAN, IMAGENET_STD, source)
    return Statistics((sum(IMAGENET_MEAN) / 3,), (sum(IMAGENET_STD) / 3,), source)


def _of_zoo(checkpoint: str) -> Statistics | None:
    if Path(checkpoint).exists() or not zoo.is_name(checkpoint):
        return None
    weight = zoo.find_weight(checkpoint)
    return Statistics(weight.mean, weight.std, f"those that {weight.name} was trained with")


def _of_metadata(checkpoint: str) -> Statistics | None:
    file = Path(weights_of(checkpoint))
    if file.suffix != ".safetensors" or not file.is_file():
        return None
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata() or {}
    if not {"mean", "std"} <= metadata.keys():
        return None
    return _statistics({name: json.loads(metadata[name]) for name in ("mean", "std")}, f"those in {file}")


def _of_config(checkpoint: str) -> Statistics | None:
    """Return what the config of a fine-tuned model says: in the folder of its run."""
    config = Path(checkpoint) / "config.py"
    if not config.is_file():
        return None
    preprocessor = (load_config(str(config)).get("model") or {}).get("data_preprocessor") or {}
    return _statistics(preprocessor, f"those in {config}") if preprocessor.get("mean") is not None else None


def _statistics(values: Mapping[str, Any], source: str) -> Statistics:
    mean, std = (tuple(float(x) for x in _sequence(values[name])) for name in ("mean", "std"))
    return Statistics(mean, std, source)


def _sequence(values: Any) -> Sequence:
    return values if isinstance(values, Sequence) else (values,)
