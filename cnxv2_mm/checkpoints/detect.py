"""Which dialect a set of tensors speaks, and where in it the network is: told from names and shapes alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from cnxv2_mm.checkpoints.dialects import DIALECTS, OFFICIAL, OURS, Dialect

_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """Where the network is.

    Attributes:
        dialect: How it is written there.
        inner: What stands before the names of the network, '' or ending in a dot.
        outer: What stands before the names of its classifier or decoder: ``inner`` without the dialect's root.
    """

    dialect: Dialect
    inner: str
    outer: str


def find_network(tensors: Mapping[str, Tensor]) -> Place:
    """Find the one ConvNeXt among tensors whose names are free of wrappers.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = {}
    for dialect in DIALECTS.values():
        if dialect is OFFICIAL:  # has the signature of ours
            continue
        for name in tensors:
            if match := dialect.signature_names.fullmatch(name):
                found[match["prefix"]] = dialect
    if not found:
        raise ValueError(
            f"it holds no ConvNeXt in any of the dialects {', '.join(DIALECTS)}: its names begin with "
            f"{first_levels(tensors)}"
        )
    if len(found) > 1:
        places = ", ".join(repr(prefix) for prefix in sorted(found))
        raise ValueError(f"it holds {len(found)} networks, under {places}: name one of these as prefix")
    ((inner, dialect),) = found.items()
    if dialect is OURS and _is_official(tensors, inner):
        dialect = OFFICIAL
    root = next((root for root in dialect.roots if inner.endswith(root)), "")
    return Place(dialect, inner, inner.removesuffix(root))


def first_levels(names: Mapping[str, Tensor]) -> str:
    """Return the first few of the top levels of names, for messages."""
    levels = list(dict.fromkeys(name.split(".")[0] + ("." if "." in name else "") for name in names))
    return ", ".join(levels[:_SHOWN]) + (", ..." if len(levels) > _SHOWN else "")


def _is_official(tensors: Mapping[str, Tensor], inner: str) -> bool:
    """Whether names that ours shares with the official dense code are theirs: a head of that code, or its GRN.

    Behind ``backbone.`` GRN's shape tells nothing: detectors whose weights others renamed for OpenMMLab keep it.
    """
    if f"{inner}norm.weight" in tensors or f"{inner}head.weight" in tensors:
        return True
    grn = [tensor for name, tensor in tensors.items() if name.startswith(inner) and ".grn." in name]
    return not inner.endswith("backbone.") and any(tensor.ndim > 1 for tensor in grn)
