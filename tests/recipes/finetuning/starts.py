"""Starting points for the tests of plans: the sizes of the paper, without weights."""

from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.variants import VARIANTS

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def start_of(arch="atto", mean=MEAN, std=STD):
    """What `find_start` says of weights of this size."""
    variant = VARIANTS[arch]
    return Start("weights.pth", {"arch": arch}, variant.channels, variant.depths, mean, std, "MIT")
