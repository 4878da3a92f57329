"""The licence of the weights that a training starts from: what is made from them may have to keep it."""

import os
from collections.abc import Mapping

from cnxv2_mm import zoo

UNKNOWN_LICENCE = "not known: ask whoever made the file"
OWN_WEIGHTS = "that of whoever trained them, from random weights"


def licence_of(weights: str | os.PathLike[str], metadata: Mapping[str, str]) -> str:
    """Return the licence of weights in words.

    Args:
        weights: A name of ``cnxv2_mm.zoo``, a file or an address.
        metadata: What the file says about itself: the encoder of a pre-training says what that has started from.
    """
    name = os.fspath(weights)
    if zoo.is_name(name):
        return zoo.find_weight(name).terms
    return metadata.get("start_licence", OWN_WEIGHTS if metadata.get("task") == "pretrain" else UNKNOWN_LICENCE)
