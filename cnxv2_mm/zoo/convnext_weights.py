"""Weights on the architecture of ConvNeXt V1, by timm's names; all else follows from a name by rules.

Sources:
- names, licences, image sizes, normalisation, classes, official addresses: timm 1.0.31, models/convnext.py. timm gives
  no accuracies;
- Meta's own repositories of DINOv3: transformers 4.57.6, configuration_dinov3_convnext.py, which names tiny's;
- accuracies of ``fb_...``: facebookresearch/ConvNeXt @ 048efce, README.md. Those of timm's atto to nano: ConvNeXt V2,
  arXiv 2301.00808, table 14, whose column of V1 names these weights (timm's issues 1700 and 1706);
- ``convnext_base.laion400m_s13b_b51k``, which timm does not have: open_clip 3.3.0, pretrained.py.

Left out is what :class:`cnxv2_mm.ConvNeXtV2` cannot be: other stems (``_ols``), RMS norms (``_rms``), the tanh formula
of GELU (``test_...``); and ``_hnf``, whose classifier wants the final norm before the pooling.
``tests/zoo/test_convnext_weights.py`` names each with its reason.
"""

import re
from collections.abc import Iterator

from cnxv2_mm.zoo.weight import (
    CLIP_MEAN,
    CLIP_STD,
    DINOV3,
    FAIR_NC,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Accuracy,
    File,
    Weight,
    hub_file,
)

_OFFICIAL = "https://dl.fbaipublicfiles.com/convnext"
_README = "facebookresearch/ConvNeXt @ 048efce, README.md"
_V2_TABLE_14 = "arXiv 2301.00808, table 14, V1"

# timm's model -> its tags.
_TAGS = {
    "convnext_atto": ("d2_in1k",),
    "convnext_femto": ("d1_in1k",),
    "convnext_pico": ("d1_in1k",),
    "convnext_nano": ("d1h_in1k", "in12k_ft_in1k", "r384_in12k_ft_in1k", "in12k", "r384_in12k", "r384_ad_in12k"),
    "convnext_tiny": (
        "fb_in1k",
        "fb_in22k_ft_in1k",
        "fb_in22k_ft_in1k_384",
        "fb_in22k",
        "in12k_ft_in1k",
        "in12k_ft_in1k_384",
        "in12k",
        "dinov3_lvd1689m",
        "eupe_lvd1689m",
    ),
    "convnext_small": (
        "fb_in1k",
        "fb_in22k_ft_in1k",
        "fb_in22k_ft_in1k_384",
        "fb_in22k",
        "in12k_ft_in1k",
        "in12k_ft_in1k_384",
        "in12k",
        "dinov3_lvd1689m",
        "eupe_lvd1689m",
    ),
    "convnext_base": (
        "fb_in1k",
        "fb_in22k_ft_in1k",
        "fb_in22k_ft_in1k_384",
        "fb_in22k",
        "clip_laion2b",
        "clip_laion2b_augreg",
        "clip_laiona",
        "clip_laiona_320",
        "clip_laiona_augreg_320",
        "clip_laion2b_augreg_ft_in1k",
        "clip_laiona_augreg_ft_in1k_384",
        "clip_laion2b_augreg_ft_in12k",
        "clip_laion2b_augreg_ft_in12k_in1k",
        "clip_laion2b_augreg_ft_in12k_in1k_384",
        "dinov3_lvd1689m",
        "eupe_lvd1689m",
    ),
    "convnext_large": ("fb_in1k", "fb_in22k_ft_in1k", "fb_in22k_ft_in1k_384", "fb_in22k", "dinov3_lvd1689m"),
    "convnext_large_mlp": (
        "clip_laion2b_augreg",
        "clip_laion2b_ft_320",
        "clip_laion2b_ft_soup_320",
        "clip_laion2b_augreg_ft_in1k",
        "clip_laion2b_augreg_ft_in1k_384",
        "clip_laion2b_augreg_ft_in12k_384",
        "clip_laion2b_soup_ft_in12k_320",
        "clip_laion2b_soup_ft_in12k_384",
        "clip_laion2b_soup_ft_in12k_in1k_320",
        "clip_laion2b_soup_ft_in12k_in1k_384",
    ),
    "convnext_xlarge": ("fb_in22k_ft_in1k", "fb_in22k_ft_in1k_384", "fb_in22k"),
    "convnext_xxlarge": (
        "clip_laion2b_soup",
        "clip_laion2b_rewind",
        "clip_laion2b_soup_ft_in1k",
        "clip_laion2b_soup_ft_in12k",
    ),
}
_TOP1 = {
    "convnext_atto.d2_in1k": Accuracy(_V2_TABLE_14, 75.7),
    "convnext_femto.d1_in1k": Accuracy(_V2_TABLE_14, 77.5),
    "convnext_pico.d1_in1k": Accuracy(_V2_TABLE_14, 79.5),
    "convnext_nano.d1h_in1k": Accuracy(_V2_TABLE_14, 80.8),
    "convnext_tiny.fb_in1k": Accuracy(_README, 82.1),
    "convnext_small.fb_in1k": Accuracy(_README, 83.1),
    "convnext_base.fb_in1k": Accuracy(_README, 83.8),
    "convnext_large.fb_in1k": Accuracy(_README, 84.3),
    "convnext_tiny.fb_in22k_ft_in1k": Accuracy(_README, 82.9),
    "convnext_small.fb_in22k_ft_in1k": Accuracy(_README, 84.6),
    "convnext_base.fb_in22k_ft_in1k": Accuracy(_README, 85.8),
    "convnext_large.fb_in22k_ft_in1k": Accuracy(_README, 86.6),
    "convnext_xlarge.fb_in22k_ft_in1k": Accuracy(_README, 87.0),
    "convnext_tiny.fb_in22k_ft_in1k_384": Accuracy(_README, 84.1),
    "convnext_small.fb_in22k_ft_in1k_384": Accuracy(_README, 85.8),
    "convnext_base.fb_in22k_ft_in1k_384": Accuracy(_README, 86.8),
    "convnext_large.fb_in22k_ft_in1k_384": Accuracy(_README, 87.5),
    "convnext_xlarge.fb_in22k_ft_in1k_384": Accuracy(_README, 87.8),
}

_STEP = re.compile(r"(?:^|_)(clip|dinov3|eupe|in12k|in22k|in1k)(?=_|$)")
_RESOLUTION = re.compile(r"^r(\d+)_|_(\d+)$")
_CLASSES = {"in1k": 1000, "in12k": 11821, "in22k": 21841}
_LICENCES = {"dinov3": DINOV3, "eupe": FAIR_NC}
_SMALLEST_SIDE = {"clip": 256, "eupe": 256}  # pixels, where the tag says nothing


def weights() -> Iterator[Weight]:
    """Yield the weights."""
    for model, tags in _TAGS.items():
        for tag in tags:
            yield _weight(model, tag)
    yield Weight(
        "convnext_base.laion400m_s13b_b51k",
        version=1,
        size="base",
        training="clip",
        resolution=224,
        licence="MIT",
        classes=0,
        files={"laion": hub_file("laion/CLIP-convnext_base-laion400M-s13B-b51K", "open_clip_pytorch_model.bin")},
        mean=CLIP_MEAN,
        std=CLIP_STD,
    )


def _weight(model: str, tag: str) -> Weight:
    name = f"{model}.{tag}"
    size = model.split("_")[1]
    steps = _STEP.findall(tag)
    said = _RESOLUTION.search(tag)
    resolution = int(said[1] or said[2]) if said else _SMALLEST_SIDE.get(steps[0], 224)
    files = {"timm": hub_file(f"timm/{name}")}
    if tag.startswith("fb_"):
        files["official"] = _official_file(size, tag, resolution)
    if steps[0] == "dinov3":
        files["huggingface"] = hub_file(f"facebook/dinov3-convnext-{size}-pretrain-lvd1689m")
    return Weight(
        name,
        version=1,
        size=size,
        training="_".join(steps),
        resolution=resolution,
        licence=_LICENCES.get(steps[0], "Apache-2.0"),
        classes=0 if model.endswith("_mlp") else _CLASSES.get(steps[-1], 0),
        files=files,
        accuracies=(_TOP1[name],) if name in _TOP1 else (),
        mean=CLIP_MEAN if steps[0] == "clip" else IMAGENET_MEAN,
        std=CLIP_STD if steps[0] == "clip" else IMAGENET_STD,
    )


def _official_file(size: str, tag: str, resolution: int) -> File:
    data = {"fb_in1k": "1k", "fb_in22k": "22k"}.get(tag, "22k_1k")
    averaged = tag == "fb_in1k" or (size == "xlarge" and tag != "fb_in22k")
    name = f"convnext_{size}_{data}_{resolution}{'_ema' if averaged else ''}.pth"
    return File(f"{_OFFICIAL}/{name}", name)
