"""When our operations may stand in for PyTorch's modules, and when they may not.

- A model recorded to run elsewhere (``torch.jit.trace``, ``torch.export``, the ONNX exporters) has to consist of
  PyTorch's own operations: what runs it does not know ours. A recorded stem is a convolution, which takes images of any
  size; blocks of pixels would be cut for the size that was recorded.
- A module that somebody has hooked or replaced (a probe of its output, LoRA, quantisation) has to be called.
- Forward-mode derivatives and gradients of gradients have formulas in PyTorch's operations alone.
- A chain of elementwise operations compiled for a GPU is fused by the compiler, which cannot look into ours.
"""

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad


def may_replace(*modules: tuple[nn.Module, type[nn.Module]]) -> bool:
    """Whether the arithmetic of modules may be done without calling them.

    Args:
        modules: Each with the class whose arithmetic it is. A subclass is another one, and often has the same name:
            LoRA's and quantisation's linear layers are called ``Linear``.
    """
    recorded = torch.jit.is_tracing() or torch.compiler.is_exporting()
    return not recorded and not in_forward_mode() and all(_is_untouched(module, kind) for module, kind in modules)


def in_forward_mode() -> bool:
    """Whether forward-mode derivatives may be wanted: a level for dual numbers is open."""
    return forward_ad._current_level >= 0


def wants_more_derivatives() -> bool:
    """In a backward pass: whether what it computes may itself be differentiated (``create_graph=True``)."""
    return torch.is_grad_enabled() or in_forward_mode()


def compiler_fuses(x: Tensor) -> bool:
    """Whether the compiler is at work and fuses elementwise operations on ``x`` well by itself."""
    return torch.compiler.is_compiling() and x.device.type != "cpu"


def _is_untouched(module: nn.Module, kind: type[nn.Module]) -> bool:
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    return type(module) is kind and not hooked and "forward" not in module.__dict__
