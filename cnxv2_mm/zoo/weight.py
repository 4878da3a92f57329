"""What is known of one published weight: the network that holds it, where its files are, and its licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.variants import V1_ARGUMENTS

CC_BY_NC = "CC-BY-NC 4.0"
DINOV3 = "DINOv3 License"
FAIR_NC = "FAIR Noncommercial Research License"
# Licence of a weight -> whether it allows commercial use. "own licence": under conditions of its own; read it.
COMMERCIAL = MappingProxyType(
    {
        "Apache-2.0": "yes",
        "BSD-3-Clause": "yes",
        "MIT": "yes",
        DINOV3: "own licence",
        CC_BY_NC: "no",
        FAIR_NC: "no",
    }
)
# The same, as a sentence's end.
_TERMS = MappingProxyType(
    {
        "yes": "commercial use is allowed",
        "no": "no commercial use",
        "own licence": "a licence of its own, to be read before any commercial use",
    }
)
# Where files come from.
SOURCES = ("official", "timm", "mmpretrain", "huggingface", "torchvision", "laion")
# Name -> what the network was trained on, in this order.
TRAININGS = MappingProxyType(
    {
        "fcmae": "ImageNet-1k without labels: encoder only, no head, no final norm",
        "in1k": "ImageNet-1k (V2: after fcmae)",
        "in22k_in1k": "ImageNet-22k, then ImageNet-1k (V2: after fcmae)",
        "in22k": "ImageNet-22k",
        "in12k": "ImageNet-12k, 11821 classes of ImageNet-22k",
        "in12k_in1k": "ImageNet-12k, then ImageNet-1k",
        "clip": "CLIP on images and captions of LAION",
        "clip_in1k": "CLIP, then ImageNet-1k",
        "clip_in12k": "CLIP, then ImageNet-12k",
        "clip_in12k_in1k": "CLIP, then ImageNet-12k, then ImageNet-1k",
        "dinov3": "DINOv3 on LVD-1689M",
        "eupe": "EUPE on LVD-1689M",
    }
)
# Mean and standard deviation of R, G and B, in 0 ... 255: those of ImageNet, and those of CLIP.
Colour = tuple[float, float, float]
IMAGENET_MEAN: Colour = (123.675, 116.28, 103.53)
IMAGENET_STD: Colour = (58.395, 57.12, 57.375)
CLIP_MEAN: Colour = (122.7709383, 116.7460125, 104.09373615)
CLIP_STD: Colour = (68.5005327, 66.6321579, 70.32316305)

HUB = "https://huggingface.co"
# Sizes beyond those of cnxv2_mm.variants, and what else their backbones need. Source: timm 1.0.31, models/convnext.py.
_OTHER_SIZES: dict[str, dict[str, Any]] = {
    "xxlarge": {"arch": {"depths": (3, 4, 30, 3), "channels": (384, 768, 1536, 3072)}, "norm_eps": 1e-5}
}


@dataclass(frozen=True)
class File:
    """A file with a weight, at one source.

    Attributes:
        address: Its address.
        name: Its name on this machine.
        sha256: The first hexadecimal digits of its SHA-256; None if it is not published.
        mirror: Another address of the same file.
        hub_id: The name by which timm or Hugging Face transformers load it.
    """

    address: str
    name: str
    sha256: str | None = None
    mirror: str | None = None
    hub_id: str | None = None


def hub_file(hub_id: str, remote_name: str = "model.safetensors") -> File:
    """Return the file of a repository of Hugging Face's hub.

    Every repository calls its file alike; here the repository's name, with ``_`` for its ``/``, tells them apart.
    """
    ending = remote_name.rpartition(".")[2]
    return File(f"{HUB}/{hub_id}/resolve/main/{remote_name}", f"{hub_id.replace('/', '_')}.{ending}", hub_id=hub_id)


@dataclass(frozen=True)
class Accuracy:
    """An accuracy on ImageNet-1k's validation images that somebody published; none was measured here.

    Attributes:
        source: Who published it, and where.
        top1: In percent.
        top5: In percent; None if only ``top1`` was published.
    """

    source: str
    top1: float
    top5: float | None = None


@dataclass(frozen=True)
class Weight:
    """One published weight.

    Attributes:
        name: Its name in the zoo.
        version: 1 or 2: a network without or with GRN.
        size: A name in :data:`cnxv2_mm.variants.VARIANTS`, or 'xxlarge'.
        training: A name in :data:`TRAININGS`.
        resolution: Side of the square images of the last training, in pixels.
        licence: A name in :data:`COMMERCIAL`.
        classes: Classes of the classifier in the file; 0 if it has none, or one that is not a single linear layer.
        files: The file at each source that has the weight, by the name of the source. The first is the default.
        accuracies: What is published of its accuracy; that of its authors is the first.
        mean: Mean of R, G and B over the images that it was trained on, in 0 ... 255, as OpenMMLab's preprocessors
            take it.
        std: Standard deviation, likewise.
    """

    name: str
    version: int
    size: str
    training: str
    resolution: int
    licence: str
    classes: int
    files: Mapping[str, File]
    accuracies: tuple[Accuracy, ...] = ()
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD

    @property
    def backbone(self) -> dict[str, Any]:
        """The arguments with which :class:`cnxv2_mm.ConvNeXtV2` is the network of the weight."""
        return _backbone(self.size, self.version)

    @property
    def commercial(self) -> str:
        """Whether the licence of the weight allows commercial use: 'yes', 'no' or 'own licence'."""
        return COMMERCIAL[self.licence]

    @property
    def terms(self) -> str:
        """The licence, and in words what it says of commercial use."""
        return f"{self.licence}: {_TERMS[self.commercial]}"

    @property
    def parameters(self) -> int:
        """Number of parameters of backbone, final norm (FCMAE has none) and a classifier of ``classes``."""
        return _count_parameters(self.size, self.version, self.training != "fcmae", self.classes)


def _backbone(size: str, version: int) -> dict[str, Any]:
    return {**_OTHER_SIZES.get(size, {"arch": size}), **(V1_ARGUMENTS if version == 1 else {})}


@cache
def _count_parameters(size: str, version: int, final_norm: bool, classes: int) -> int:
    """Count the parameters of a network that is built without numbers."""
    with torch.device("meta"):
        backbone = ConvNeXtV2(**_backbone(size, version), out_indices=-1 if final_norm else ())
        network = nn.ModuleList([backbone])
        if classes:
            network.append(nn.Linear(backbone.num_features, classes))
    return sum(parameter.numel() for parameter in network.parameters())
