"""The published ConvNeXt V2 weights: one row for each; the addresses follow from it by rules.

Sources:
- accuracies and files: ConvNeXt V2, arXiv 2301.00808, tables 14 and 15; facebookresearch/ConvNeXt-V2 @ 2553895;
- second evaluation, file names and first digits of SHA-256: open-mmlab/mmpretrain @ ee7f2e88, configs/convnext_v2
  (OpenMMLab ends a file's name with the first eight digits of its SHA-256);
- hub names: timm's and Hugging Face transformers' own tables. Their files' hashes, and those of the official files, are
  not published.

The official code is MIT, its weights and all their conversions are CC-BY-NC 4.0.
"""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import torch
from torch import nn

from cnxv2_mm.backbone import ConvNeXtV2

LICENCE = "CC-BY-NC 4.0"
SOURCES = ("official", "timm", "mmpretrain", "huggingface")
# Name -> what the network was trained on, in this order.
TRAININGS = MappingProxyType(
    {
        "fcmae": "ImageNet-1k without labels: encoder only, no head, no final norm",
        "in1k": "fcmae, then ImageNet-1k",
        "in22k_in1k": "fcmae, then ImageNet-22k, then ImageNet-1k",
    }
)

_OFFICIAL = "https://dl.fbaipublicfiles.com/convnext/convnextv2"
_OPENMMLAB = "https://download.openmmlab.com/mmclassification/v0/convnext-v2"
_OPENMMLAB_MIRROR = "https://mmassets.onedl.ai/mmclassification/v0/convnext-v2"
_HUB = "https://huggingface.co"
_CLASSES = 1000

# How each source spells a training.
_OFFICIAL_FILE = {
    "fcmae": "pt_only/{}_1k_{}_fcmae.pt",
    "in1k": "im1k/{}_1k_{}_ema.pt",
    "in22k_in1k": "im22k/{}_22k_{}_ema.pt",
}
_TIMM_TAG = {"fcmae": "fcmae", "in1k": "fcmae_ft_in1k", "in22k_in1k": "fcmae_ft_in22k_in1k"}
_MMPRETRAIN_TAG = {
    "fcmae": "3rdparty-fcmae_in1k",
    "in1k": "fcmae-pre_3rdparty_in1k",
    "in22k_in1k": "fcmae-in21k-pre_3rdparty_in1k",
}
_HUGGINGFACE_TAG = {"in1k": "1k", "in22k_in1k": "22k"}  # FCMAE's were never converted


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


@dataclass(frozen=True)
class Weight:
    """One published weight.

    Attributes:
        size: A name in :data:`cnxv2_mm.variants.VARIANTS`.
        training: A name in :data:`TRAININGS`.
        resolution: Side of the square images of the last training, in pixels.
        paper_top1: ImageNet-1k validation accuracy that the paper reports, in percent; None for FCMAE.
        mmpretrain_top1: The same accuracy, measured again by mmpretrain with the converted weights.
        mmpretrain_top5: Top-5 accuracy of that evaluation.
        mmpretrain_sha256: The first eight digits of the SHA-256 of mmpretrain's file.
    """

    size: str
    training: str
    resolution: int
    paper_top1: float | None
    mmpretrain_top1: float | None
    mmpretrain_top5: float | None
    mmpretrain_sha256: str

    licence = LICENCE

    @property
    def name(self) -> str:
        """Our name: ``convnextv2_<size>_<training>``, followed by ``_<resolution>`` unless that is 224."""
        return f"convnextv2_{self.size}_{self.training}{self._suffix('_')}"

    @property
    def paper_table(self) -> int | None:
        """The paper's table that holds :attr:`paper_top1`."""
        return {"fcmae": None, "in1k": 14, "in22k_in1k": 15}[self.training]

    @property
    def parameters(self) -> int:
        """Number of parameters in the file: a classifier with its head, or the encoder alone for FCMAE."""
        return count_parameters(self.size, num_classes=0 if self.training == "fcmae" else _CLASSES)

    @property
    def files(self) -> dict[str, File]:
        """The file at each source that has the weight, by the name of the source, in the order of :data:`SOURCES`."""
        model = f"convnextv2_{self.size}"
        official = f"{_OFFICIAL}/{_OFFICIAL_FILE[self.training].format(model, self.resolution)}"
        converted = (
            f"convnext-v2-{self.size}_{_MMPRETRAIN_TAG[self.training]}{self._suffix('-', 'px')}"
            f"_20230104-{self.mmpretrain_sha256}.pth"
        )
        files = {
            "official": File(official, name=official.rpartition("/")[2]),
            "timm": _hub_file(f"timm/{model}.{_TIMM_TAG[self.training]}{self._suffix('_')}"),
            "mmpretrain": File(
                f"{_OPENMMLAB}/{converted}", converted, self.mmpretrain_sha256, f"{_OPENMMLAB_MIRROR}/{converted}"
            ),
        }
        if self.training in _HUGGINGFACE_TAG:
            hub_id = f"facebook/convnextv2-{self.size}-{_HUGGINGFACE_TAG[self.training]}-{self.resolution}"
            files["huggingface"] = _hub_file(hub_id)
        return files

    def _suffix(self, before: str, after: str = "") -> str:
        return "" if self.resolution == 224 else f"{before}{self.resolution}{after}"


def _hub_file(hub_id: str) -> File:
    # Every repository calls its file model.safetensors; the repository's name tells them apart on this machine.
    name = f"{hub_id.replace('/', '_')}.safetensors"
    return File(f"{_HUB}/{hub_id}/resolve/main/model.safetensors", name, hub_id=hub_id)


@cache
def count_parameters(size: str, num_classes: int) -> int:
    """Return the number of parameters of a published network, counted on one that is built without numbers.

    Args:
        size: A name in :data:`cnxv2_mm.variants.VARIANTS`.
        num_classes: Classes of the classifier; 0 for the encoder alone, without the norm behind its last stage.
    """
    with torch.device("meta"):
        backbone = ConvNeXtV2(size, out_indices=-1 if num_classes else ())
        network = nn.ModuleList([backbone])
        if num_classes:
            network.append(nn.Linear(backbone.num_features, num_classes))
    return sum(parameter.numel() for parameter in network.parameters())


# size, training, resolution, the paper's top-1, mmpretrain's top-1 and top-5, SHA-256 of mmpretrain's file
_ROWS = (
    ("atto", "fcmae", 224, None, None, None, "07514db4"),
    ("femto", "fcmae", 224, None, None, None, "adbe2082"),
    ("pico", "fcmae", 224, None, None, None, "147b1b59"),
    ("nano", "fcmae", 224, None, None, None, "3dd1f29e"),
    ("tiny", "fcmae", 224, None, None, None, "80513adc"),
    ("base", "fcmae", 224, None, None, None, "8a798eaf"),
    ("large", "fcmae", 224, None, None, None, "bf38df92"),
    ("huge", "fcmae", 224, None, None, None, "fe43ae6c"),
    ("atto", "in1k", 224, 76.7, 76.64, 93.04, "23765f83"),
    ("femto", "in1k", 224, 78.5, 78.48, 93.98, "92a75d75"),
    ("pico", "in1k", 224, 80.3, 80.31, 95.08, "d20263ca"),
    ("nano", "in1k", 224, 81.9, 81.86, 95.75, "fe1aaaf2"),
    ("tiny", "in1k", 224, 83.0, 82.94, 96.29, "471a86de"),
    ("base", "in1k", 224, 84.9, 84.87, 97.08, "00a70fa4"),
    ("large", "in1k", 224, 85.8, 85.76, 97.59, "ef393013"),
    ("huge", "in1k", 224, 86.3, 86.25, 97.75, "f795e5b8"),
    ("nano", "in22k_in1k", 224, 82.1, 82.04, 96.16, "91fa8ae2"),
    ("tiny", "in22k_in1k", 224, 83.9, 83.89, 96.96, "8cc8b8f2"),
    ("base", "in22k_in1k", 224, 86.8, 86.74, 98.02, "c48d16a5"),
    ("large", "in22k_in1k", 224, 87.3, 87.26, 98.24, "d9c4dc0c"),
    ("nano", "in22k_in1k", 384, 83.4, 83.36, 96.75, "f951ae87"),
    ("tiny", "in22k_in1k", 384, 85.1, 85.09, 97.63, "d8579f84"),
    ("base", "in22k_in1k", 384, 87.7, 87.63, 98.42, "379425cc"),
    ("large", "in22k_in1k", 384, 88.2, 88.18, 98.52, "9139a1f3"),
    ("huge", "in22k_in1k", 384, 88.7, 88.68, 98.73, "02a4eb35"),
    ("huge", "in22k_in1k", 512, 88.9, 88.86, 98.74, "ce32e63c"),
)
WEIGHTS: dict[str, Weight] = {weight.name: weight for weight in (Weight(*row) for row in _ROWS)}
