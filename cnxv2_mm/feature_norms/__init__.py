"""What may stand in the place of GRN in a block, for the ablations of ConvNeXt V2 (arXiv 2301.00808, tables 2 and 16).

========================  =============================================================  =========================
``grn`` of the backbone   class                                                          the paper's table
========================  =============================================================  =========================
``'grn'``                 ``cnxv2_mm.layers.GRN``, the default; the only one with a       2, 16 (d)
                          fused path
a dict                    ``ResponseNorm``: other aggregation, normalisation, residual   2a, 2b, 2c, 16 (a) to (c)
``'lrn'``                 ``LocalResponseNorm``                                          2d
``'bn'``                  ``BatchNorm``                                                  2d
``'ln'``                  ``LayerNorm``                                                  2d
``'se'``                  ``SqueezeExcitation``                                          2e
``'cbam'``                ``CBAM``                                                       2e
========================  =============================================================  =========================

Each is called as GRN is, with the cells and their layout, and hidden cells enter no statistic. The vectors of all of
them are never decayed by ``cnxv2_mm.LayerDecayOptimWrapperConstructor``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from cnxv2_mm.feature_norms.gating import CBAM, SqueezeExcitation
from cnxv2_mm.feature_norms.normalisation import BatchNorm, LayerNorm, LocalResponseNorm
from cnxv2_mm.feature_norms.response_norm import ResponseNorm
from cnxv2_mm.layers import GRN

__all__ = [
    "CBAM",
    "BatchNorm",
    "LayerNorm",
    "LocalResponseNorm",
    "ResponseNorm",
    "SqueezeExcitation",
    "build_feature_norm",
]

_BY_NAME: dict[str, Callable[[int], nn.Module]] = {
    "grn": GRN,
    "lrn": lambda _: LocalResponseNorm(),
    "bn": BatchNorm,
    "ln": LayerNorm,
    "se": SqueezeExcitation,
    "cbam": CBAM,
}
_PARTS: dict[str, Any] = {"aggregation": "l2", "normalisation": "divisive", "residual": True}


def build_feature_norm(grn: str | Mapping[str, Any], channels: int, use_grn: bool = True) -> nn.Module | None:
    """Build what a config asks for in the place of GRN.

    Args:
        grn: A name, or a dict with any of ``aggregation``, ``normalisation`` and ``residual`` (:class:`ResponseNorm`);
            the parts of GRN itself give GRN itself.
        channels: Number of channels, C.
        use_grn: False for nothing in its place; ``grn`` must then be 'grn'.

    Returns:
        A module with ``forward(x, layout)``, or None.

    Raises:
        ValueError: The name, a key or a value is unknown, or ``use_grn=False`` contradicts ``grn``.
    """
    if not use_grn:
        if grn != "grn":
            raise ValueError(f"use_grn=False leaves out what grn={grn!r} asks for: remove one of the two")
        return None
    if isinstance(grn, str) and grn in _BY_NAME:
        return _BY_NAME[grn](channels)
    if not isinstance(grn, Mapping) or not set(grn) <= set(_PARTS):
        raise ValueError(
            f"grn={grn!r} must be one of {', '.join(_BY_NAME)}, or a dict with any of the keys {', '.join(_PARTS)}"
        )
    parts = {**_PARTS, **grn}
    return GRN(channels) if parts == _PARTS else ResponseNorm(channels, **parts)
