"""torchvision's own weights of ConvNeXt V1.

Source: torchvision 0.29.1, models/convnext.py: addresses, accuracies, image sizes. PyTorch ends a file's name with the
first eight digits of its SHA-256. The licence is that of torchvision.
"""

from collections.abc import Iterator

from cnxv2_mm.zoo.weight import Accuracy, File, Weight

_PYTORCH = "https://download.pytorch.org/models"
# size, SHA-256, top-1, top-5
_ROWS = (
    ("tiny", "983f1562", 82.52, 96.146),
    ("small", "0c510722", 83.616, 96.65),
    ("base", "6075fbad", 84.062, 96.87),
    ("large", "ea097f82", 84.414, 96.976),
)


def weights() -> Iterator[Weight]:
    """Yield the weights, named as in timm: ``convnext_<size>.tv_in1k``."""
    for size, sha256, top1, top5 in _ROWS:
        name = f"convnext_{size}-{sha256}.pth"
        yield Weight(
            f"convnext_{size}.tv_in1k",
            version=1,
            size=size,
            training="in1k",
            resolution=224,
            licence="BSD-3-Clause",
            classes=1000,
            files={"torchvision": File(f"{_PYTORCH}/{name}", name, sha256)},
            accuracies=(Accuracy("torchvision", top1, top5),),
        )
