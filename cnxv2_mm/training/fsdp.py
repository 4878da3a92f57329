"""Fully sharded training: PyTorch's FSDP through mmengine's ``FSDPStrategy``. Checkpoints are those of one GPU.

What differs from ``FSDPStrategy`` of mmengine 0.10, and why:

- Resuming works. mmengine calls ``FSDP.optim_state_dict_to_load`` with the order of arguments of torch 2.0.
- The state of the optimiser is saved as a single process saves it. So a run resumes on any number of GPUs, with or
  without FSDP. mmengine saves it by the names of the parameters, and a plain optimiser loads that without an error.
- It runs on CPU processes too, for tests.

``configs/_base_/fsdp.py`` uses it.
"""

from typing import Any

import torch
from mmengine._strategy import FSDPStrategy as MMEngineFSDPStrategy
from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel

from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.checkpoints.wrappers import as_in_state_dict
from cnxv2_mm.config.entry import type_name
from cnxv2_mm.registry import FUNCTIONS, STRATEGIES


@FUNCTIONS.register_module()
def convnext_blocks(module: nn.Module, recurse: bool = False, nonwrapped_numel: int = 0) -> bool:
    """Pick the ConvNeXt blocks, of the encoder and of FCMAE's decoder.

    It serves as FSDP's ``auto_wrap_policy`` and as the ``check_fn`` of activation checkpointing.

    Args:
        module: The module that FSDP asks about.
        recurse: Whether FSDP asks if it should look inside ``module``. The answer is always yes.
        nonwrapped_numel: How many parameters of it are not wrapped yet; not used.

    Returns:
        Whether to wrap the module, or to look inside it.
    """
    return recurse or isinstance(module, ConvNeXtV2Block)


@STRATEGIES.register_module()
class FSDPStrategy(MMEngineFSDPStrategy):
    """mmengine's strategy with ``state_dict_cfg='full'``: a checkpoint holds whole tensors. See the top of the file.

    When a run resumes, every process reads the whole checkpoint. For huge this is 8 GB of memory for each process.

    Args:
        **kwargs: Arguments of mmengine's ``FSDPStrategy``.

    Raises:
        ValueError: ``state_dict_cfg`` is not ``full``.
    """

    model_wrapper: dict[str, Any] | None

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.setdefault("state_dict_cfg", "full") != "full":
            raise ValueError(
                f"state_dict_cfg={kwargs['state_dict_cfg']!r}: set it to 'full'; a sharded checkpoint loads on the "
                "same number of GPUs only, and in no detector"
            )
        super().__init__(**kwargs)

    def optim_state_dict(self) -> dict[str, Any]:
        """Return the optimiser's state as a single process has it.

        It is complete on rank 0. The other processes get it without the moments.
        """
        wrapper = self.optim_wrapper
        local = wrapper.optimizer.state_dict()
        kinds = sorted({kind for state in local["state"].values() for kind in state})
        kinds = _union_of_processes(kinds)
        state: dict[str, dict[str, Tensor]] = {}
        for kind in kinds:
            # One kind (exp_avg, ...) at a time: on the CPU, FSDP returns views of one buffer for all of them.
            only = {i: {k: v for k, v in values.items() if k == kind} for i, values in local["state"].items()}
            whole = FullyShardedDataParallel.optim_state_dict(
                self.model, wrapper.optimizer, optim_state_dict={**local, "state": only}
            )
            for name, values in whole.get("state", {}).items():
                state.setdefault(name, {}).update(values)
        number = {name: i for i, name in enumerate(self._names())}
        extra = {k: v for k, v in wrapper.state_dict().items() if k not in local}  # what mmengine's wrapper adds
        return {
            **extra,
            "state": {number[name]: values for name, values in state.items()},
            "param_groups": local["param_groups"],
        }

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load an optimiser's state, of which each process keeps its share.

        Args:
            state_dict: The state that :meth:`optim_state_dict` or a single process has saved.
        """
        names = self._names()
        groups = [{**group, "params": [names[i] for i in group["params"]]} for group in state_dict["param_groups"]]
        by_name = {"state": {names[i]: s for i, s in state_dict["state"].items()}, "param_groups": groups}
        sharded = FullyShardedDataParallel.optim_state_dict_to_load(self.model, self.optim_wrapper.optimizer, by_name)
        extra = {k: v for k, v in state_dict.items() if k not in by_name}
        self.optim_wrapper.load_state_dict({**sharded, **extra})

    def _names(self) -> list[str]:
        """Return the parameters' names in the optimiser's order, which numbers them."""
        names = {param: as_in_state_dict(name) for name, param in self.model.named_parameters()}
        return [names[p] for group in self.optim_wrapper.optimizer.param_groups for p in group["params"]]

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        if get_device() == "cpu":
            self.model_wrapper = {**(self.model_wrapper or {}), "device_id": torch.device("cpu")}
        return super()._wrap_model(model)


def check_hooks(config: Config) -> None:
    """Refuse hooks that copy the model, if FSDP spreads it over processes.

    Args:
        config: A whole config.

    Raises:
        ValueError: ``custom_hooks`` has an ``EMAHook``, and ``strategy`` is a ``FSDPStrategy``.
    """
    hooks = [type_name(hook) for hook in config.get("custom_hooks") or []]
    if type_name(config.get("strategy")).endswith("FSDPStrategy") and any(hook.endswith("EMAHook") for hook in hooks):
        raise ValueError(
            "custom_hooks has an EMAHook, which copies the model; FSDP does not allow it: set custom_hooks=[], or "
            "train without FSDP"
        )


def _union_of_processes(kinds: list[str]) -> list[str]:
    """Return the union of what the processes have.

    A process whose shards are empty has no state, but it must take part in gathering that of the others.
    """
    everyone: list[list[str] | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, kinds)
    return sorted({kind for some in everyone for kind in some or ()})
