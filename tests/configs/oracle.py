"""What the paper and the official code say, written down a second time, for the tests to compare with.

Sources: arXiv 2301.00808, tables 8 to 13 and appendix A.2; ``optim_factory.py`` of facebookresearch/ConvNeXt-V2 @
2553895 for the layer ids, ``get_layer_id_for_convnext`` and ``get_stage_id_for_convnext`` of mmdetection and
mmsegmentation for theirs.
"""

from typing import NamedTuple

# Appendix A.1: blocks a stage, channels of the first stage; they double from stage to stage.
DEPTHS = {
    "atto": (2, 2, 6, 2),
    "femto": (2, 2, 6, 2),
    "pico": (2, 2, 6, 2),
    "nano": (2, 2, 8, 2),
    "tiny": (3, 3, 9, 3),
    "base": (3, 3, 27, 3),
    "large": (3, 3, 27, 3),
    "huge": (3, 3, 27, 3),
}
FIRST_CHANNELS = {
    "atto": 40, "femto": 48, "pico": 64, "nano": 80, "tiny": 96, "base": 128, "large": 192, "huge": 352,
}  # fmt: skip


class FineTuning(NamedTuple):
    """A column of tables 9 to 13. ``rate`` and ``strategy`` are those of layer decay, ``mix`` mixup's and cutmix's."""

    base_lr: float
    weight_decay: float
    rate: float
    strategy: str
    warmup: int
    epochs: int
    smoothing: float
    mix: tuple[float, float] | None
    drop_path: float


# Tables 9 (atto to nano), 10 (tiny), 11 (base to huge), batch 1024. Not as printed: base lr of base and large 6.25e-4
# (TRAINING.md; printed 6.25e-3) and of huge 1.25e-4 (our reading; printed 1.25e-3).
IN1K = {
    "atto": FineTuning(2e-4, 0.3, 0.9, "single", 0, 600, 0.2, None, 0.1),
    "femto": FineTuning(2e-4, 0.05, 0.9, "single", 0, 600, 0.2, (0.3, 0.3), 0.0),
    "pico": FineTuning(2e-4, 0.3, 0.9, "single", 0, 600, 0.2, (0.3, 0.3), 0.0),
    "nano": FineTuning(2e-4, 0.3, 0.9, "single", 0, 600, 0.2, (0.5, 0.5), 0.1),
    "tiny": FineTuning(8e-4, 0.05, 0.9, "single", 40, 300, 0.1, (0.8, 1.0), 0.2),
    "base": FineTuning(6.25e-4, 0.05, 0.6, "group", 20, 100, 0.1, (0.8, 1.0), 0.1),
    "large": FineTuning(6.25e-4, 0.05, 0.6, "group", 20, 100, 0.1, (0.8, 1.0), 0.2),
    "huge": FineTuning(1.25e-4, 0.05, 0.75, "single", 10, 50, 0.1, (0.8, 1.0), 0.3),
}
# Table 12, batch 4096; the strategies as on ImageNet-1K (our choice).
IN22K = {
    "nano": FineTuning(2.5e-4, 0.05, 0.9, "single", 5, 90, 0.1, (0.8, 1.0), 0.0),
    "tiny": FineTuning(2.5e-4, 0.05, 0.9, "single", 5, 90, 0.1, (0.8, 1.0), 0.0),
    "base": FineTuning(2.5e-4, 0.05, 0.8, "group", 5, 90, 0.1, (0.8, 1.0), 0.1),
    "large": FineTuning(2.5e-4, 0.05, 0.8, "group", 5, 90, 0.1, (0.8, 1.0), 0.1),
    "huge": FineTuning(2.5e-4, 0.05, 0.8, "single", 5, 90, 0.1, (0.8, 1.0), 0.3),
}
# Table 13, batch 512; the strategies likewise.
IN22K_IN1K = {
    "nano": FineTuning(2.5e-5, 1e-8, 0.9, "single", 0, 90, 0.1, None, 0.1),
    "tiny": FineTuning(2.5e-5, 1e-8, 0.9, "single", 0, 90, 0.1, None, 0.1),
    "base": FineTuning(2.5e-5, 1e-8, 0.8, "group", 0, 30, 0.1, None, 0.2),
    "large": FineTuning(2.5e-5, 1e-8, 0.8, "group", 0, 30, 0.1, None, 0.3),
    "huge": FineTuning(2.5e-5, 1e-8, 0.85, "single", 0, 30, 0.1, None, 0.5),
}


def channels(size: str) -> list[int]:
    return [FIRST_CHANNELS[size] * 2**stage for stage in range(4)]


def single_scale(name: str, depths: tuple[int, ...], rate: float) -> float:
    """Official 'single': ``rate ** (sum(depths) + 1 - id)``; the stem and the first block have id 1, heads the last."""
    layers = sum(depths)
    kind, *numbers = name.split(".")
    if kind == "downsample_layers":
        layer = sum(depths[: int(numbers[0])]) + 1
    elif kind == "stages":
        layer = sum(depths[: int(numbers[0])]) + int(numbers[1]) + 1
    else:
        layer = layers + 1
    return rate ** (layers + 1 - layer)


def group_scale(name: str, last: int, rate: float) -> float:
    """Official 'group' and OpenMMLab's 'layer_wise': ``rate ** (last + 1 - id)``, heads last + 1.

    Args:
        last: the id of the fourth stage: 12 for 27 blocks in the third, 6 for 9 (ConvNeXt V1).
    """
    kind, *numbers = name.split(".")
    if kind == "downsample_layers":
        layer = (0, 2, 3, last)[int(numbers[0])]
    elif kind == "stages":
        layer = (1, 2, 3 + int(numbers[1]) // 3, last)[int(numbers[0])]
    else:
        layer = last + 1
    return rate ** (last + 1 - layer)


def stage_scale(name: str, last: int, rate: float) -> float:
    """OpenMMLab's 'stage_wise': every downsampling layer 0, stages 1 to 4, heads ``last + 1``."""
    kind, *numbers = name.split(".")
    layer = {"downsample_layers": 0, "stages": int(numbers[0]) + 1 if kind == "stages" else 0}.get(kind, last + 1)
    return rate ** (last + 1 - layer)


def last_group(size: str) -> int:
    """12 (official, base to huge) and 6 (V1, tiny); for the small sizes one group per three blocks (our choice)."""
    return {"atto": 5, "femto": 5, "pico": 5, "nano": 6, "tiny": 6}.get(size, 12)


def is_decayed(name: str, ndim: int) -> bool:
    """``optim_factory.py``: vectors, biases, GRN's gamma and beta are not."""
    return ndim > 1 and not name.endswith((".bias", ".gamma", ".beta"))
