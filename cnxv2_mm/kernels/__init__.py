"""Operations that are faster, or keep less for the backward pass, than the composition of PyTorch's own.

Each computes what its plain counterpart computes, to floating-point rounding; the layouts and the block choose. Nothing
is compiled: they are PyTorch operations in another order, wrapped so that the backward pass is ours.

- ``depthwise.py``: depthwise convolution of channels-last maps, and of packed cells, with a fast weight gradient
- ``grn_mlp.py``: linear, GELU, GRN and linear as one operation that keeps only the hidden layer
- ``eligible.py``: when they may stand in for PyTorch's modules
"""

from cnxv2_mm.kernels.depthwise import depthwise, packed_depthwise
from cnxv2_mm.kernels.eligible import compiler_fuses, may_replace
from cnxv2_mm.kernels.grn_mlp import grn_mlp

__all__ = ["compiler_fuses", "depthwise", "grn_mlp", "may_replace", "packed_depthwise"]
