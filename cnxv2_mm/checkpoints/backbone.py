"""The backbone that a checkpoint holds: built as its tensors say, and filled."""

import os
from pathlib import Path
from typing import Any

from cnxv2_mm.backbone import LAYER_NORM_EPS, ConvNeXtV2
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.load import load
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.variants import NUM_STAGES

# Of the folder of a run: of `cnxv2 pretrain`, and of `cnxv2 finetune`.
_OF_RUN = ("encoder.safetensors", "model.pth")


def load_backbone(checkpoint: str | os.PathLike[str], *, trust_pickle: bool = False, **changes: Any) -> ConvNeXtV2:
    """Build the ConvNeXt that a checkpoint holds, fill it with all of its weights, and set it to evaluation.

    >>> backbone = cnxv2_mm.load_backbone("convnextv2_tiny_fcmae")
    >>> maps = backbone(images)  # (N, 3, H, W) -> 4 maps

    The maps of (N, C, H, W) images, of which ``mean`` has been subtracted and which have been divided by ``std``
    (:attr:`cnxv2_mm.zoo.Weight.mean`), are (N, channels[i], H / 4, W / 4), then / 8, / 16 and / 32: those of the stages
    in ``out_indices``. Each has a norm behind it. Files of pre-trainings have none of these norms, classifiers only the
    last: the others begin with weight 1 and bias 0.

    The published weights have licences of their own, and many allow no commercial use: ``cnxv2 zoo show NAME``.

    Args:
        checkpoint: A name of :mod:`cnxv2_mm.zoo`, which is downloaded once; a file of any library; an address; or the
            folder of a run of ``cnxv2 pretrain`` or ``cnxv2 finetune``.
        trust_pickle: Read the file even if it then runs code that is in it.
        changes: Arguments of :class:`cnxv2_mm.ConvNeXtV2` in the place of those that the weights say:
            ``out_indices=(3,)``, ``drop_path_rate=0.1``. With ``in_channels`` the stem for three channels is spread
            over as many (:func:`cnxv2_mm.checkpoints.stem.inflate`).

    Raises:
        FileNotFoundError: There is no such file, or the folder has no weights.
        ValueError: It does not hold one whole ConvNeXt, or a change does not fit its weights.
        TypeError: ``ConvNeXtV2`` has no argument of such a name.
    """
    file = weights_of(checkpoint)
    _, architecture, _ = read_network(file, trust_pickle=trust_pickle)
    backbone = ConvNeXtV2(**{**arguments_of(architecture), **changes})
    stem = "inflate" if backbone.in_channels != architecture.in_channels else None
    load(backbone, file, trust_pickle=trust_pickle, stem=stem)
    return backbone.eval()


def weights_of(checkpoint: str | os.PathLike[str]) -> str:
    """Return the file of the weights in the folder of a run; what is no folder is returned as it is.

    Raises:
        FileNotFoundError: The folder has no such file.
    """
    folder = Path(checkpoint)
    if not folder.is_dir():
        return os.fspath(checkpoint)
    found = [folder / name for name in _OF_RUN if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(
            f"{folder} has no {' and no '.join(_OF_RUN)}: it is no run, or not a finished one; name a file instead"
        )
    return str(found[0])


def arguments_of(architecture: Architecture) -> dict[str, Any]:
    """Return the arguments with which :class:`cnxv2_mm.ConvNeXtV2` is a network of this architecture.

    ``out_indices`` are all stages that there are. Stages behind them, which a file may lack, are not built.
    """
    built = len(architecture.depths)
    missing = (1,) * (NUM_STAGES - built)
    return {
        "arch": {"depths": (*architecture.depths, *missing), "channels": (*architecture.channels, *missing)},
        "in_channels": architecture.in_channels,
        "out_indices": tuple(range(built)),
        "use_grn": architecture.use_grn,
        "grn": architecture.grn,
        "layer_scale_init_value": 1.0 if architecture.layer_scale else 0.0,
        "norm_eps": architecture.norm_eps or LAYER_NORM_EPS,
    }
