"""Hooks that set learning rates besides the schedulers, and count on the groups of the old optimiser."""

from collections.abc import MutableMapping

from mmengine.config import Config

from cnxv2_mm.config.entry import type_name

# mmyolo (engine/hooks/yolov5_param_scheduler_hook.py, version 0.6.0) warms up the third group of parameters from a rate
# of its own, 0.1 by default. Its own optimiser has the biases there; with layer decay it is a layer of the backbone.
_HOOK = "YOLOv5ParamSchedulerHook"
_THIRD_GROUP = "warmup_bias_lr"


def warm_up_all_groups(config: Config) -> list[str]:
    """Let the warm-up of all groups of parameters begin at zero.

    Args:
        config: The whole config, whose optimiser has other groups than before; changed in place.

    Returns:
        A sentence about what was changed, if anything was.
    """
    hooks = [*(config.get("default_hooks") or {}).values(), *(config.get("custom_hooks") or [])]
    found = [hook for hook in hooks if isinstance(hook, MutableMapping) and type_name(hook) == _HOOK]
    for hook in found:
        hook[_THIRD_GROUP] = 0.0
    note = f"schedule: {_THIRD_GROUP}=0 of {_HOOK}, whose 0.1 would be the rate of a group that is not the biases"
    return [note] if found else []
