"""What every training should be, value by value, and where outside of this repository that stands.

A source is a table or section of the paper (arXiv 2301.00808), of ConvNeXt V1's (arXiv 2201.03545), or a file of
facebookresearch/ConvNeXt-V2 @ 2553895. What no source has is our choice: ``OURS``, with its reason. Tests of such a
value say so in their name: they can find a config that strays from what we chose, not that we chose wrongly.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

OURS = "our choice"
TRAINING_MD = "TRAINING.md @ 2553895"
FINETUNE_PY = "main_finetune.py @ 2553895"
V1_TRAINING_MD = "V1's TRAINING.md @ 048efce"


class Value(NamedTuple):
    """``source`` begins with ``OURS`` if nobody else has it."""

    expected: Any
    source: str


Row = dict[str, Value]


def _all(source: str, **values: Any) -> Row:
    return {name: Value(value, source) for name, value in values.items()}


# As printed: table, base rate (for 256 images), weight decay, layer decay, epochs of warm-up, epochs, label smoothing,
# mixup, cutmix, drop path.
_COLUMNS = (
    "base_lr",
    "weight_decay",
    "decay_rate",
    "warmup",
    "epochs",
    "smoothing",
    "mixup",
    "cutmix",
    "drop_path",
)
_IN1K = {
    "atto": (9, 2e-4, 0.3, 0.9, 0, 600, 0.2, 0, 0, 0.1),
    "femto": (9, 2e-4, 0.05, 0.9, 0, 600, 0.2, 0.3, 0.3, 0.0),
    "pico": (9, 2e-4, 0.3, 0.9, 0, 600, 0.2, 0.3, 0.3, 0.0),
    "nano": (9, 2e-4, 0.3, 0.9, 0, 600, 0.2, 0.5, 0.5, 0.1),
    "tiny": (10, 8e-4, 0.05, 0.9, 40, 300, 0.1, 0.8, 1.0, 0.2),
    "base": (11, 6.25e-3, 0.05, 0.6, 20, 100, 0.1, 0.8, 1.0, 0.1),
    "large": (11, 6.25e-3, 0.05, 0.6, 20, 100, 0.1, 0.8, 1.0, 0.2),
    "huge": (11, 1.25e-3, 0.05, 0.75, 10, 50, 0.1, 0.8, 1.0, 0.3),
}
_IN22K = {
    "nano": (12, 2.5e-4, 0.05, 0.9, 5, 90, 0.1, 0.8, 1.0, 0.0),
    "tiny": (12, 2.5e-4, 0.05, 0.9, 5, 90, 0.1, 0.8, 1.0, 0.0),
    "base": (12, 2.5e-4, 0.05, 0.8, 5, 90, 0.1, 0.8, 1.0, 0.1),
    "large": (12, 2.5e-4, 0.05, 0.8, 5, 90, 0.1, 0.8, 1.0, 0.1),
    "huge": (12, 2.5e-4, 0.05, 0.8, 5, 90, 0.1, 0.8, 1.0, 0.3),
}
_IN22K_IN1K = {
    "nano": (13, 2.5e-5, 1e-8, 0.9, 0, 90, 0.1, 0, 0, 0.1),
    "tiny": (13, 2.5e-5, 1e-8, 0.9, 0, 90, 0.1, 0, 0, 0.1),
    "base": (13, 2.5e-5, 1e-8, 0.8, 0, 30, 0.1, 0, 0, 0.2),
    "large": (13, 2.5e-5, 1e-8, 0.8, 0, 30, 0.1, 0, 0, 0.3),
    "huge": (13, 2.5e-5, 1e-8, 0.85, 0, 30, 0.1, 0, 0, 0.5),
}
# Appendix A.2, which speaks of tables 9 to 11: a step per block, "but we apply the group-wise decaying strategy to Base
# and Large models".
_DECAY_TYPE = {size: "group" if size in ("base", "large") else "single" for size in _IN1K}
# Not as printed.
_INSTEAD = {
    "base": Value(6.25e-4, f"{TRAINING_MD}, command for base; table 11 prints 6.25e-3"),
    "large": Value(6.25e-4, f"{OURS}: base's, as table 11 has one number for both and the command is for base alone"),
}
_RESOLUTIONS = {"nano": (224, 384), "tiny": (224, 384), "base": (224, 384), "large": (224, 384), "huge": (384, 512)}
_FROM_CODE = _all(FINETUNE_PY, random_erasing=0.25, min_lr=1e-6, head_std=0.001 * 0.02)


def _printed(row: tuple[Any, ...], batch: int, ema: float | None) -> Row:
    """A column of tables 9 to 13, with what all columns of the table have."""
    table, *values = row
    common = {"optimizer": "AdamW", "betas": (0.9, 0.999), "batch": batch, "ema": ema, "randaugment": (9, 0.5)}
    return _FROM_CODE | _all(f"table {table}", **common, **dict(zip(_COLUMNS, values, strict=True)))


def _in1k(size: str) -> Row:
    row = _printed(_IN1K[size], batch=1024, ema=0.9999)
    row["decay_type"] = Value(_DECAY_TYPE[size], "appendix A.2")
    return row | ({"base_lr": _INSTEAD[size]} if size in _INSTEAD else {})


def _decay_type_on_22k(size: str, table: int) -> Value:
    if size == "huge":
        return Value("group", f"{OURS}: inferred, table 12 has one value for base, large and huge")
    return Value(_DECAY_TYPE[size], f"{OURS}: as on ImageNet-1K, table {table} does not say")


def _in22k(size: str) -> Row:
    return _printed(_IN22K[size], batch=4096, ema=None) | {"decay_type": _decay_type_on_22k(size, 12)}


def _from_22k(size: str) -> Row:
    row = _printed(_IN22K_IN1K[size], batch=512, ema=None if size == "huge" else 0.9999)
    return row | {"decay_type": _decay_type_on_22k(size, 13)}


def _supervised(size: str, version: int) -> Row:
    """V1's recipe, which its paper has for its own tiny, base and large."""
    drop_path = {"tiny": 0.1, "base": 0.5, "large": 0.5}
    if version == 1 and size in drop_path:
        source = "V1's table 5"
    elif size in drop_path:
        source = f"{OURS}: V1's table 5, the recipe of V2's supervised training is not published"
    else:
        source = f"{OURS}: V1's table 5 for tiny, no recipe of this size is published"
    return _all(
        source,
        optimizer="AdamW",
        betas=(0.9, 0.999),
        batch=4096,
        base_lr=4e-3 * 256 / 4096,  # printed for 4096 images
        weight_decay=0.05,
        decay_rate=1.0,
        warmup=20,
        epochs=300,
        smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        drop_path=drop_path.get(size, 0.1),
        ema=0.9999,
        randaugment=(9, 0.5),
        random_erasing=0.25,
        head_std=0.02,
        min_lr=1e-6,
    )


def _version_1_on_22k(size: str) -> Row:
    """V1's own training on ImageNet-22K, from a random start; its commands are those of base, large and xlarge."""
    drop_path = {"base": 0.1, "large": 0.1, "xlarge": 0.2}
    rest = _all(
        V1_TRAINING_MD,
        optimizer="AdamW",
        betas=(0.9, 0.999),
        batch=4096,
        base_lr=4e-3 * 256 / 4096,  # printed for 4096 images
        weight_decay=0.05,
        decay_rate=1.0,
        warmup=5,
        epochs=90,
        smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        ema=None,
        randaugment=(9, 0.5),
        random_erasing=0.25,
        head_std=0.02,
        min_lr=1e-6,
    )
    if size in drop_path:
        return rest | _all(V1_TRAINING_MD, drop_path=drop_path[size])
    return rest | _all(f"{OURS}: V2's of table 12, V1 has no command for tiny", drop_path=0.0)


def _version_1_from_22k(size: str) -> Row:
    """V1's own fine-tuning after ImageNet-22K."""
    drop_path, ema = {"base": (0.2, None), "large": (0.3, None), "xlarge": (0.4, 0.9999)}.get(size, (0.1, None))
    source = (
        f"{OURS}: base's with table 13's drop path, V1 has no command for tiny" if size == "tiny" else V1_TRAINING_MD
    )
    return _all(
        source,
        optimizer="AdamW",
        betas=(0.9, 0.999),
        batch=512,
        base_lr=5e-5 * 256 / 512,  # printed for 512 images
        weight_decay=1e-8,
        decay_rate=0.8,
        decay_type="group",
        warmup=0,
        epochs=30,
        smoothing=0.1,
        mixup=0,
        cutmix=0,
        drop_path=drop_path,
        ema=ema,
        randaugment=(9, 0.5),
        random_erasing=0.25,
        head_std=0.001 * 0.02,
        min_lr=1e-6,
    )


def _pre_training(epochs: int) -> Row:
    return (
        _all("table 8", optimizer="AdamW", betas=(0.9, 0.95), batch=4096, base_lr=1.5e-4, weight_decay=0.05, warmup=40)
        | _all("table 8", epochs=epochs, decay_rate=1.0)
        | _all("section 3", mask_ratio=0.6, patch_size=32, norm_pix=True)
        | _all("tables 1b and 1c", decoder_depth=1, decoder_width=512)
        | _all("main_pretrain.py @ 2553895", min_lr=0.0, crop=(0.2, 1.0), flip=0.5)
    )


def _path_from_22k(size: str, side: int) -> str:
    tail = "" if side == 224 else f"-{side}px"
    return f"configs/imagenet/convnextv2-{size}_in22k-pre_16xb32-{_IN22K_IN1K[size][5]}e_in1k{tail}.py"


# What a config is for -> its path.
IN1K = {size: f"configs/imagenet/convnextv2-{size}_32xb32-{row[5]}e_in1k.py" for size, row in _IN1K.items()}
IN22K = {size: f"configs/imagenet/convnextv2-{size}_64xb64-90e_in22k.py" for size in _IN22K}
FROM_22K = {(size, side): _path_from_22k(size, side) for size, sides in _RESOLUTIONS.items() for side in sides}
SUPERVISED = {
    (size, version): f"configs/imagenet/convnext{name}-{size}_32xb128-300e{tail}_in1k.py"
    for size in _IN1K
    if size != "huge"  # table 14 has none
    for version, name, tail in ((1, "-v1", ""), (2, "v2", "-supervised"))
}
V1_SIZES = ("tiny", "base", "large", "xlarge")  # of table 15
V1_ON_22K = {size: f"configs/imagenet/convnext-v1-{size}_64xb64-90e_in22k.py" for size in V1_SIZES}
V1_FROM_22K = {
    (size, side): f"configs/imagenet/convnext-v1-{size}_in22k-pre_16xb32-30e_in1k{tail}.py"
    for size in V1_SIZES
    for side, tail in ((224, ""), (384, "-384px"))
}
PRE_TRAINING = {
    (size, epochs): f"configs/fcmae/fcmae_convnextv2-{size}_64xb64-{epochs}e_in1k.py"
    for size in _IN1K
    for epochs in (800, 1600)
}
# Path -> all that its training is measured by.
FINE_TUNING: Mapping[str, Row] = MappingProxyType(
    {
        **{path: _in1k(size) for size, path in IN1K.items()},
        **{path: _in22k(size) for size, path in IN22K.items()},
        **{path: _from_22k(size) for (size, _), path in FROM_22K.items()},
    }
)
RECIPES: Mapping[str, Row] = MappingProxyType(
    {
        **FINE_TUNING,
        **{path: _supervised(size, version) for (size, version), path in SUPERVISED.items()},
        **{path: _version_1_on_22k(size) for size, path in V1_ON_22K.items()},
        **{path: _version_1_from_22k(size) for (size, _), path in V1_FROM_22K.items()},
        **{path: _pre_training(epochs) for (_, epochs), path in PRE_TRAINING.items()},
    }
)
