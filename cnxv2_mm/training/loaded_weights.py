"""How much of a model a loaded checkpoint fills. A run that would use random weights instead is refused.

mmengine only logs the names that do not fit. The rest of the model keeps its random start.
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
    """A hook that ends the run if a loaded checkpoint does not fill every parameter of the model.

    Otherwise a test would report the scores of random weights, and a resumed training would be another one.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compare names and shapes of the parameters.

        Raises:
            ValueError: The checkpoint lacks a parameter, or has it in another shape.
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
    """A hook that ends the run if ``load_from`` fills hardly anything, and logs what other files leave out.

    Some parts may stay unfilled: new classes need a new head, and ``init_cfg`` may fill the backbone.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compare names and shapes, for the whole model and for each of its parts.

        Raises:
            ValueError: Less than a tenth of the parameters are filled, or only a part of the backbone is.
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
    """Return for each parameter of a model whether a checkpoint has it.

    Names and shapes are compared; under FSDP names alone, since a process has only a shard of each parameter.
    """
    sharded = isinstance(model, FullyShardedDataParallel)
    unwrapped: Any = model
    while is_model_wrapper(unwrapped) or isinstance(unwrapped, BaseTTAModel):
        unwrapped = unwrapped.module
    # mmengine takes this level, and no other, out of the names in a file.
    weights = {name.removeprefix("module."): value for name, value in _state(checkpoint).items()}
    return {
        name: name in weights and (sharded or getattr(weights[name], "shape", None) == param.shape)
        for name, param in ((as_in_state_dict(name), param) for name, param in unwrapped.named_parameters())
    }


def _state(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    return checkpoint.get("state_dict", checkpoint)
