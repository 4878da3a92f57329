"""The order of ConvNeXt's layers, as layer-wise learning rates count them.

Source: ``get_num_layer_for_convnext`` and its single-step sibling in ``optim_factory.py`` of
facebookresearch/ConvNeXt-V2 @ 2553895; appendix A.2 of the paper (arXiv 2301.00808) calls them layer-wise and
group-wise. ``stage`` is what ConvNeXt V1 has for segmentation: ``get_num_layer_stage_wise`` of
facebookresearch/ConvNeXt @ 048efce, and ``stage_wise`` of mmsegmentation.
"""

import math
import re

from cnxv2_mm.variants import NUM_STAGES

STRATEGIES = ("single", "group", "stage")

_DOWNSAMPLE = re.compile(r"downsample_layers\.(\d+)\.")
_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)\.")
_OUTPUT_SIDE = re.compile(r"(norm\d*|head)(\.|$)")


def convnext_layer_depth(name: str, depths: tuple[int, ...], strategy: str) -> tuple[int, int]:
    """Return the depth of a ConvNeXt parameter and the number of depths: it learns at ``rate ** (number - 1 - depth)``.

    - ``single``: one step per block. The stem has depth 1 and shares it with the first block, as every downsampling
      layer does with the block that follows it; depth 0 stays empty. For base the stem learns at ``rate ** 36``.
    - ``group``: one step per three blocks of the third stage, one for every other stage. The last group is
      ``3 + ceil(depths[2] / 3)``: 12 for base, large and huge as in the official code, 6 for tiny as in ConvNeXt V1 and
      mmdetection. For the other sizes neither fixes a value (mmpretrain takes 6); the same formula is our choice.
    - ``stage``: the stem and all downsampling layers have depth 0, the blocks of the four stages 1 to 4. There are as
      many depths as in ``group``, and those between the fourth stage and the output norms are empty: for base the
      blocks of the fourth stage learn at ``rate ** 9``.

    In all, output norms and a classification head come last and learn at the full rate.

    Args:
        name: The parameter's name inside the backbone, e.g. ``stages.2.5.dwconv.weight``.
        depths: Number of blocks in each stage.
        strategy: ``single``, ``group`` or ``stage``.

    Raises:
        ValueError: The strategy is unknown, a ConvNeXt with these depths has no parameter of that name, or ``group``
            or ``stage`` is wanted for a network that has not four stages.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"layer decay strategy {strategy!r} is unknown: set strategy to one of {', '.join(STRATEGIES)}."
        )
    if strategy != "single" and len(depths) != NUM_STAGES:
        raise ValueError(
            f"strategy {strategy!r} is defined for four stages, not depths={depths}: use strategy='single'."
        )
    last = sum(depths) if strategy == "single" else 3 + math.ceil(depths[2] / 3)
    if _OUTPUT_SIDE.match(name):
        return last + 1, last + 2
    stage, block = _stage_and_block(name, depths)
    if strategy == "single":
        depth = sum(depths[:stage]) + (block or 0) + 1
    elif strategy == "stage":
        depth = 0 if block is None else stage + 1
    elif block is None:
        depth = (0, 2, 3, last)[stage]
    else:
        depth = (1, 2, 3 + block // 3, last)[stage]
    return depth, last + 2


def _stage_and_block(name: str, depths: tuple[int, ...]) -> tuple[int, int | None]:
    """Return the stage of a parameter and its block; the block is None in a downsampling layer."""
    if (match := _BLOCK.match(name)) is not None:
        stage, block = int(match[1]), int(match[2])
        if stage < len(depths) and block < depths[stage]:
            return stage, block
    elif (match := _DOWNSAMPLE.match(name)) is not None and int(match[1]) < len(depths):
        return int(match[1]), None
    raise ValueError(
        f"parameter {name!r} is no part of a ConvNeXt with depths={tuple(depths)}. Known are "
        "downsample_layers.<stage>.*, stages.<stage>.<block>.*, norm<stage>.* and head.*; "
        "a subclass that adds parameters overrides get_layer_depth."
    )
