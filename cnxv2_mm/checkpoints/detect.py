"""Which dialect a set of tensors has, and where among them the network is. Only names and shapes are looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from cnxv2_mm.checkpoints.dialects import DIALECTS, OFFICIAL, OURS, Dialect

_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """Where among the tensors of a file the network is.

    Attributes:
        dialect: The dialect of its names and shapes.
        inner: What stands before the names of the network, such as 'model.backbone.'; may be empty.
        outer: What stands before the names of its classifier or decoder: ``inner`` without the last level that the
            dialect gives to the network, so 'model.' in this example.
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
    """Return the first levels of the names, only a few of them, for a message."""
    levels = list(dict.fromkeys(name.split(".")[0] + ("." if "." in name else "") for name in names))
    return ", ".join(levels[:_SHOWN]) + (", ..." if len(levels) > _SHOWN else "")


def _is_official(tensors: Mapping[str, Tensor], inner: str) -> bool:
    """Tell the official dense code from ours, which has the same names inside the network.

    Official is a file with that code's final norm or head, or with its shape of GRN. The shape does not count behind
    ``backbone.``: official weights that somebody renamed for a detector of OpenMMLab keep it.
    """
    if any(f"{inner}{name}.weight" in tensors for name in ("norm", "norms.3", "head")):
        return True
    grn = [tensor for name, tensor in tensors.items() if name.startswith(inner) and name.endswith(".grn.gamma")]
    return not inner.endswith("backbone.") and any(tensor.ndim > 1 for tensor in grn)
