"""Starting a backbone from a checkpoint, where a tensor that stays unloaded is an error.

mmengine's own initialiser loads what fits and logs the rest, so a misspelt prefix trains from random weights unseen.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor

if TYPE_CHECKING:
    from cnxv2_mm.backbone import ConvNeXtV2

# Names that the official code and this package give to a backbone's tensors.
_OUTPUT_NORM = re.compile(r"norm\d\.")
_SHOWN = 5


def read_state_dict(checkpoint: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name.

    Args:
        checkpoint: A path, or an address that mmengine's ``CheckpointLoader`` knows; mmengine checkpoints
            (``state_dict``), official ones (``model``) and bare state dicts.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no tensors.
    """
    if "://" not in checkpoint and not Path(checkpoint).is_file():
        raise FileNotFoundError(
            f"checkpoint={checkpoint!r} does not exist; train it first or set init_cfg to a file that is there"
        )
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location="cpu")
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, dict) else {}
    if not tensors:
        raise ValueError(f"checkpoint={checkpoint!r} holds no tensors under 'state_dict', 'model' or at its top")
    return tensors


def load_backbone(backbone: "ConvNeXtV2", checkpoint: str, prefix: str = "") -> None:
    """Copies a checkpoint's tensors into a backbone and logs what was used.

    Args:
        backbone: Receives the tensors.
        checkpoint: See :func:`read_state_dict`.
        prefix: What stands before the backbone's names in the file: 'backbone.' in our own checkpoints, nothing in
            official ones, whose GRN tensors may have leading dimensions of 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A tensor of the backbone other than an output norm is missing or has another shape, or the file
            has tensors for these stages that the backbone lacks.
    """
    tensors = read_state_dict(checkpoint)
    found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not found:
        heads = sorted({k.split(".")[0] + "." for k in tensors})
        raise ValueError(
            f"no tensor of checkpoint={checkpoint!r} begins with prefix={prefix!r}; its names begin with "
            f"{', '.join(heads[:_SHOWN])}"
        )
    own = backbone.state_dict()
    for name in own.keys() & found.keys():
        if ".grn." in name and found[name].numel() == own[name].numel():
            found[name] = found[name].flatten()  # (1, 1, 1, C) or (1, C) in official files
    missing = [k for k in own if k not in found and not _OUTPUT_NORM.match(k)]
    misfit = [
        f"{k} {tuple(found[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in found and found[k].shape != own[k].shape
    ]
    built = tuple(f"{name}.{i}." for name in ("downsample_layers", "stages") for i in range(backbone.num_stages))
    extra = [k for k in found if k.startswith(built) and k not in own]
    problems = [
        f"{len(names)} {what} ({'; '.join(names[:_SHOWN])}{'; ...' if len(names) > _SHOWN else ''})"
        for what, names in (("missing", missing), ("of another shape", misfit), ("unknown to the backbone", extra))
        if names
    ]
    if problems:
        raise ValueError(
            f"checkpoint={checkpoint!r} with prefix={prefix!r} does not fit this backbone (depths {backbone.depths}, "
            f"channels {backbone.channels}, {backbone.in_channels} input channels): tensors {', '.join(problems)}; "
            "set arch, in_channels, use_grn and layer_scale_init_value to those of the checkpoint, or choose another"
        )
    used = {k: v for k, v in found.items() if k in own}
    backbone.load_state_dict(used, strict=False)
    fresh = [k for k in own if k not in used]
    print_log(
        f"{type(backbone).__name__}: {len(used)} of {len(own)} tensors from {checkpoint}; "
        f"left as initialised: {', '.join(fresh) or 'none'}; "
        f"not used from the file: {len(tensors) - len(used)} tensors",
        logger="current",
    )
