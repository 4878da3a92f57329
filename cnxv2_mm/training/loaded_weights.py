"""How much of a model a loaded checkpoint fills, asked before it is used.

mmengine logs the names that do not fit and goes on, with whatever is left at its random start.
"""

import logging
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from cnxv2_mm.checkpoints.wrappers import as_in_state_dict

# A file of another network shares a few names by chance ("norm.weight" inside of a block, for instance).
_LEAST_OF_MODEL = 0.1
_LEAST_OF_BACKBONE = 0.8


class RequireWeights(Hook):
    """Refuses to go on when a loaded checkpoint leaves a parameter of the model at its random start.

    A test would report the scores of noise, a resumed training would not be the one that was interrupted.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compare names and shapes.

        Raises:
            ValueError: names the parameters that the checkpoint lacks or holds in another shape.
        """
        filled = filled_parameters(runner.model, checkpoint)
        wrong = [name for name, is_filled in filled.items() if not is_filled]
        if wrong:
            names = ", ".join(wrong[:5]) + (", ..." if len(wrong) > 5 else "")
            raise ValueError(
                f"the checkpoint lacks {len(wrong)} of the model's {len(filled)} parameters, or has them in another "
                f"shape ({names}): use it with the config it was trained with."
            )


class RequireSomeWeights(Hook):
    """Refuses to train from a ``load_from`` that fills hardly anything, and says what the others leave out.

    A part may well stay unfilled: new classes have a new head, and a backbone may come from ``init_cfg``.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compare names and shapes, for the whole model and for each of its parts.

        Raises:
            ValueError: less than a tenth of the parameters is filled, or the backbone is in part.
        """
        filled = filled_parameters(runner.model, checkpoint)
        parts: dict[str, list[bool]] = {}
        for name, is_filled in filled.items():
            parts.setdefault(name.partition(".")[0], []).append(is_filled)
        count = ", ".join(f"{part} {sum(values)} of {len(values)}" for part, values in parts.items())
        total = sum(filled.values())
        backbone = parts.get("backbone", [True])
        if total < _LEAST_OF_MODEL * len(filled) or 0 < sum(backbone) < _LEAST_OF_BACKBONE * len(backbone):
            names = ", ".join(list(_state(checkpoint))[:3])
            raise ValueError(
                f"load_from fills {total} of the model's {len(filled)} parameters ({count}), the rest would stay "
                f"random; the file holds {names}, ... For weights of another library set model.backbone.init_cfg="
                "dict(type='cnxv2_mm.Pretrained', checkpoint=...) instead of load_from."
            )
        if total < len(filled):
            level = logging.INFO if all(map(any, parts.values())) else logging.WARNING
            print_log(f"load_from fills {total} of {len(filled)} parameters: {count}.", logger="current", level=level)


def filled_parameters(model: nn.Module, checkpoint: Mapping[str, Any]) -> dict[str, bool]:
    """Which parameters a checkpoint has, by name and shape; by name alone where FSDP has cut them into shards."""
    sharded = isinstance(model, FullyShardedDataParallel)
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    # mmengine takes this level, and no other, out of the names in a file.
    weights = {name.removeprefix("module."): value for name, value in _state(checkpoint).items()}
    return {
        name: name in weights and (sharded or getattr(weights[name], "shape", None) == param.shape)
        for name, param in ((as_in_state_dict(name), param) for name, param in model.named_parameters())
    }


def _state(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    return checkpoint.get("state_dict", checkpoint)
