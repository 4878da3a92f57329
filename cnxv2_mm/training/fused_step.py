"""The fused step of the optimiser, ``AdamW(fused=True)``: one pass over all parameters, and no question to the device.

Loss scaling asks the device after every step whether a gradient was infinite, and divides all gradients in a pass of
their own. A fused optimiser does both inside its own pass.
"""

from typing import Any

from torch.optim import Optimizer

_IMPLEMENTATION = ("fused", "foreach")


def keep_implementation(optimizer: Optimizer) -> None:
    """Let an optimiser that loads a state keep the implementation that it was built with (``fused``, ``foreach``).

    PyTorch takes them from the state. After the state of an unfused AdamW, an AdamW that was built with ``fused=True``
    would run unfused, and under loss scaling it would fail: the scaler leaves the division of the gradients to it.
    """
    optimizer.register_load_state_dict_pre_hook(_keep)


def _keep(optimizer: Optimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
    groups = state_dict["param_groups"]
    if len(groups) == len(optimizer.param_groups):  # if not, PyTorch says so
        own = [{key: group[key] for key in _IMPLEMENTATION if key in group} for group in optimizer.param_groups]
        groups = [{**group, **kept} for group, kept in zip(groups, own, strict=True)]
    return {**state_dict, "param_groups": groups}
