"""Hand-written forward and backward passes of the block's operations.

They are faster than PyTorch's plain operations one after another, or keep less memory for the backward pass. They are
made of PyTorch's operators and, for GPUs, of Triton programs, which are compiled when they first run; nothing is
compiled at installation. Each computes what its plain operation computes, to floating-point rounding, and the plain
operation is its oracle in ``tests/kernels``.

- ``rows.py``: cells written to their places in maps, and taken from there
- ``tiles.py``: where the cells of visible patches lie
- ``depthwise.py``: depthwise convolution of channels-last maps, and of packed cells, with a fast weight gradient
- ``tile_depthwise.py``: depthwise convolution of packed cells where they are, without a map, for GPUs
- ``grn_mlp.py``: linear, GELU, GRN and linear as one operation that keeps only the hidden layer
- ``layer_norm.py``: layer norm on GPUs, in the type of autocast, with all gradients in one pass
- ``products.py``: its matrix products, by whichever of PyTorch's libraries is fast
- ``grn_mlp_on_gpu.py``: the same where Triton runs, of PyTorch's matrix products and the operators of ``gelu_grn.py``
- ``plain_grn_mlp.py``: the same by PyTorch's operations, for derivatives of any order
- ``higher_derivatives.py``: gradients that can be differentiated, by such operations
- ``gelu_grn.py``: GELU and GRN as operators, each one launch of a Triton program
- ``gpu/``: these programs
- ``dispatch.py``: when they run in the place of PyTorch's modules; the block and the layouts ask it
"""

from cnxv2_mm.kernels.depthwise import depthwise, packed_depthwise
from cnxv2_mm.kernels.dispatch import is_traced, leave_to_compiler, may_bypass
from cnxv2_mm.kernels.grn_mlp import grn_mlp
from cnxv2_mm.kernels.layer_norm import layer_norm

__all__ = ["depthwise", "grn_mlp", "is_traced", "layer_norm", "leave_to_compiler", "may_bypass", "packed_depthwise"]
