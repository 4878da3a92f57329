"""The weights of ConvNeXt V2's authors: one row for each; names and addresses follow from it by rules.

Sources:
- accuracies and files: ConvNeXt V2, arXiv 2301.00808, tables 14 and 15; facebookresearch/ConvNeXt-V2 @ 2553895;
- second evaluation, file names and first digits of SHA-256: open-mmlab/mmpretrain @ ee7f2e88, configs/convnext_v2
  (OpenMMLab ends a file's name with the first eight digits of its SHA-256);
- hub names: timm's and Hugging Face transformers' own tables. Their files' hashes, and those of the official files, are
  not published.

The official code is MIT, its weights and all their conversions are CC-BY-NC 4.0.
"""

from collections.abc import Iterator

from cnxv2_mm.zoo.weight import CC_BY_NC, Accuracy, File, Weight, hub_file

_OFFICIAL = "https://dl.fbaipublicfiles.com/convnext/convnextv2"
_OPENMMLAB = "https://download.openmmlab.com/mmclassification/v0/convnext-v2"
_OPENMMLAB_MIRROR = "https://mmassets.onedl.ai/mmclassification/v0/convnext-v2"
_PAPER_TABLE = {"in1k": 14, "in22k_in1k": 15}

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


def weights() -> Iterator[Weight]:
    """Yield the weights, named ``convnextv2_<size>_<training>``, followed by ``_<resolution>`` unless that is 224."""
    for size, training, resolution, paper_top1, again_top1, again_top5, sha256 in _ROWS:
        accuracies: tuple[Accuracy, ...] = ()
        if paper_top1 is not None and again_top1 is not None:
            accuracies = (
                Accuracy(f"arXiv 2301.00808, table {_PAPER_TABLE[training]}", paper_top1),
                Accuracy("mmpretrain", again_top1, again_top5),
            )
        yield Weight(
            f"convnextv2_{size}_{training}{_suffix(resolution, '_')}",
            version=2,
            size=size,
            training=training,
            resolution=resolution,
            licence=CC_BY_NC,
            classes=0 if training == "fcmae" else 1000,
            files=_files(size, training, resolution, sha256),
            accuracies=accuracies,
        )


def _files(size: str, training: str, resolution: int, sha256: str) -> dict[str, File]:
    model = f"convnextv2_{size}"
    official = f"{_OFFICIAL}/{_OFFICIAL_FILE[training].format(model, resolution)}"
    converted = f"convnext-v2-{size}_{_MMPRETRAIN_TAG[training]}{_suffix(resolution, '-', 'px')}_20230104-{sha256}.pth"
    files = {
        "official": File(official, name=official.rpartition("/")[2]),
        "timm": hub_file(f"timm/{model}.{_TIMM_TAG[training]}{_suffix(resolution, '_')}"),
        "mmpretrain": File(f"{_OPENMMLAB}/{converted}", converted, sha256, f"{_OPENMMLAB_MIRROR}/{converted}"),
    }
    if training in _HUGGINGFACE_TAG:
        files["huggingface"] = hub_file(f"facebook/convnextv2-{size}-{_HUGGINGFACE_TAG[training]}-{resolution}")
    return files


def _suffix(resolution: int, before: str, after: str = "") -> str:
    return "" if resolution == 224 else f"{before}{resolution}{after}"
