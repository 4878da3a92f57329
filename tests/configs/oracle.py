"""The sizes, and which learning rate and weight decay each parameter has; the trainings are in ``recipes.py``.

Sources: appendix A.1 of arXiv 2301.00808 for the sizes; ``optim_factory.py`` of facebookresearch/ConvNeXt-V2 @ 2553895
for the layer ids, ``get_layer_id_for_convnext`` and ``get_stage_id_for_convnext`` of mmdetection and mmsegmentation for
theirs.
"""

# Appendix A.1: blocks a stage, channels of the first stage; they double from stage to stage.
DEPTHS = {
    "atto": (2, 2, 6, 2),
    "femto": (2, 2, 6, 2),
    "pico": (2, 2, 6, 2),
    "nano": (2, 2, 8, 2),
    "tiny": (3, 3, 9, 3),
    "base": (3, 3, 27, 3),
    "large": (3, 3, 27, 3),
    "xlarge": (3, 3, 27, 3),  # of V1: facebookresearch/ConvNeXt @ 048efce
    "huge": (3, 3, 27, 3),
}
FIRST_CHANNELS = {
    "atto": 40, "femto": 48, "pico": 64, "nano": 80, "tiny": 96, "base": 128, "large": 192, "xlarge": 256, "huge": 352,
}  # fmt: skip


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


# Id of the fourth stage where rates go by groups, and who says so.
LAST_GROUP = {
    "tiny": (6, "V1's detectors and segmenters of tiny: num_layers 6"),
    "base": (12, "optim_factory.py @ 2553895"),
    "large": (12, "optim_factory.py @ 2553895"),
    "xlarge": (12, "V1's optim_factory.py @ 048efce"),
    "huge": (12, "optim_factory.py @ 2553895"),  # its number of blocks
    # One group per three blocks, as in the others.
    "atto": (5, "our choice"),
    "femto": (5, "our choice"),
    "pico": (5, "our choice"),
    "nano": (6, "our choice"),
}


def last_group(size: str) -> int:
    return LAST_GROUP[size][0]


def is_decayed(name: str, ndim: int) -> bool:
    """``optim_factory.py``: vectors, biases, GRN's gamma and beta are not. That is of fine-tuning."""
    return ndim > 1 and not name.endswith((".bias", ".gamma", ".beta"))
