"""The levels that wrappers add to the names of tensors, and the names without these levels.

A wrapper is a module that holds one other module and calls it, to distribute, average, compile or recompute it.
It puts a level into the name of each tensor; without that level, the names are those of the network. A prefix such as
``backbone.`` is no wrapper: it names a part of a larger model (:mod:`cnxv2_mm.checkpoints.detect` finds the part).
"""

import re

# Levels of wrappers that leave them out of the names in a state dict.
_ABSENT_FROM_STATE_DICTS = (
    "_fsdp_wrapped_module",  # FSDP
    "_checkpoint_wrapped_module",  # PyTorch's activation checkpointing
)
_WRAPPERS = (
    "module",  # data parallelism, averaged models
    "_orig_mod",  # torch.compile
    *_ABSENT_FROM_STATE_DICTS,
)


def _pattern(levels: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![^.])(?:{'|'.join(levels)})\.")


_ANY = _pattern(_WRAPPERS)
_ABSENT = _pattern(_ABSENT_FROM_STATE_DICTS)


def without_wrappers(name: str) -> str:
    """Return the name that a tensor has in the network itself, without the levels of any wrapper."""
    return _ANY.sub("", name)


def as_in_state_dict(name: str) -> str:
    """Return the name that a parameter has in ``state_dict()``, given the one that it has in ``named_parameters()``."""
    return _ABSENT.sub("", name)
