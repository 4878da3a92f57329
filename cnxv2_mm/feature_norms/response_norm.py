"""GRN with other parts: the ablations of tables 2a to 2c and 16 of ConvNeXt V2 (arXiv 2301.00808).

GRN is ``gamma * (x * n) + beta + x`` with ``n = N(G(x))``: a number for each channel of an image (the aggregation G,
the L2 norm), divided by the mean of these numbers over channels (the normalisation N). ``cnxv2_mm.layers.GRN`` is that
one, and the only one that runs fused.

Shape letters: N images, K visible cells of each, C channels.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.arguments import check_argument
from cnxv2_mm.layers import GRN_EPS
from cnxv2_mm.layouts.base import at_least_float32

if TYPE_CHECKING:
    from cnxv2_mm.layouts.base import Layout

AGGREGATIONS = ("l2", "l1", "mean", "none")
NORMALISATIONS = ("divisive", "sum", "standardise", "none")


class ResponseNorm(nn.Module):
    """``gamma * (x * n) + beta``, plus x with the residual connection, for a choice of ``n = N(G(x))``.

    ==============================  ===================================================================================
    aggregation (table 2a)          G, for each channel of an image, over its visible cells
    ==============================  ===================================================================================
    ``l2``                          the L2 norm
    ``l1``                          the L1 norm
    ``mean``                        the mean: global average pooling
    ``none``                        nothing: G(x) is the cell x itself
    ==============================  ===================================================================================

    ==============================  ===================================================================================
    normalisation (table 2b)        N, over the channels of G
    ==============================  ===================================================================================
    ``divisive``                    G / mean of G: the paper's G / sum of G, times C (its footnote 1)
    ``sum``                         1 / mean of G, one number for all channels: the paper's 1 / sum of G, times C alike
    ``standardise``                 (G - mean) / standard deviation
    ``none``                        G itself
    ==============================  ===================================================================================

    The components of table 16: (a) X, a scale and a shift alone, has both ``none``, and n is 1; (b) X * G(X) has
    normalisation ``none``; (c) X * N(X) has aggregation ``none``, whose mean over channels may be close to 0 (the paper
    calls it unstable); (d) is GRN.

    What the paper does not say and we chose: ``gamma`` starts at 1 without the residual connection (table 2c). At 0,
    its start in Algorithm 1, the block's branch would be silent, and nothing in front of it would learn at first. The
    deviation is that of all C channels, not of a sample, and 1e-6 is added to the variance.

    Args:
        channels: Number of channels, C.
        aggregation: One of the rows above.
        normalisation: One of the rows above.
        residual: Whether x is added to the result.

    Raises:
        ValueError: An argument is none of these.
    """

    gamma: nn.Parameter  # (C,)
    beta: nn.Parameter  # (C,)

    def __init__(
        self, channels: int, aggregation: str = "l2", normalisation: str = "divisive", residual: bool = True
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("aggregation", aggregation, AGGREGATIONS),
            ("normalisation", normalisation, NORMALISATIONS),
        ):
            if value not in known:
                raise ValueError(f"{name}={value!r} of grn is unknown; choose one of {', '.join(known)}")
        check_argument("residual of grn", residual, bool, "True or False")
        self.aggregation = aggregation
        self.normalisation = normalisation
        self.residual = residual
        self.gamma = nn.Parameter(torch.zeros(channels) if residual else torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Normalise the cells ``x``, (..., C), over each image, whose cells ``layout`` knows; the shape stays."""
        scale = self.gamma * self._response(x, layout)
        if self.residual:
            scale = 1 + scale
        return torch.addcmul(self.beta.to(x.dtype), x, scale.to(x.dtype))

    def _response(self, x: Tensor, layout: "Layout") -> Tensor | float:
        """Return n in float32 or better; it broadcasts to x."""
        dtype = at_least_float32(x)
        if self.aggregation == "none":
            return 1.0 if self.normalisation == "none" else self._normalise(x.to(dtype))
        cells = layout.visible_cells(x)  # (N, K, C)
        if self.aggregation == "mean":
            response = cells.mean(dim=1, dtype=dtype)
        else:
            response = torch.linalg.vector_norm(cells, int(self.aggregation[1:]), dim=1, dtype=dtype)
        return layout.per_image(self._normalise(response))

    def _normalise(self, response: Tensor) -> Tensor:
        """Return N of (..., C) numbers: (..., C), or (..., 1) with one number for all channels."""
        match self.normalisation:
            case "divisive":
                return response / (response.mean(dim=-1, keepdim=True) + GRN_EPS)
            case "sum":
                return 1 / (response.mean(dim=-1, keepdim=True) + GRN_EPS)
            case "standardise":
                return F.layer_norm(response, response.shape[-1:], eps=GRN_EPS)
        return response

    def extra_repr(self) -> str:
        return f"aggregation={self.aggregation}, normalisation={self.normalisation}, residual={self.residual}"
