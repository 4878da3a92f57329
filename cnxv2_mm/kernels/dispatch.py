"""When our operations run in the place of PyTorch's modules, and when they must not.

The plain modules run in these cases:

- A model is recorded to run elsewhere (``torch.jit.trace``, ``torch.export``, the ONNX exporters). What runs the
  recording does not know our operations. A recorded stem is a convolution, which takes images of any size; a matrix
  product over blocks of pixels would be cut for the size that was recorded.
- Somebody has hooked or replaced a module (a probe of its output, LoRA, quantisation): it has to be called.
- Forward-mode derivatives are wanted, or gradients of gradients: only PyTorch's operations have formulas for them.
- A model is compiled for a GPU on which our Triton kernels do not run: the compiler fuses a chain of elementwise
  operations, but cannot look into ours.

Triton kernels run on CUDA devices of compute capability 8.0 and later, in bfloat16, float16 and float32. Everywhere
else PyTorch's operations do the same. ``CNXV2_MM_TRITON=0`` in the environment switches them off;
``TRITON_INTERPRET=1``, Triton's own switch, runs them on the CPU in its interpreter, to look for mistakes.
"""

import os
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch._dynamo import symbolic_convert
from torch.autograd import forward_ad

TRITON_SWITCH = "CNXV2_MM_TRITON"
TRITON_TYPES = (torch.bfloat16, torch.float16, torch.float32)


def may_bypass(*modules: tuple[nn.Module, type[nn.Module]]) -> bool:
    """Whether the arithmetic of modules may be done without calling them.

    Args:
        modules: Each with the class whose arithmetic it is. An instance of a subclass is always called: a subclass may
            compute something else, and often has the same name (LoRA's and quantisation's are called ``Linear``, too).
    """
    recorded = is_traced() or _is_exported()
    return not recorded and not in_forward_mode() and all(_is_untouched(module, kind) for module, kind in modules)


def is_traced() -> bool:
    """Whether ``torch.jit.trace`` records what runs: sizes are tensors then."""
    return torch.jit.is_tracing()  # type: ignore[attr-defined]  # public, but missing in the ``__all__`` of torch.jit


# For the compiler, which otherwise answers this question itself: up to torch 2.11 always with True.
@torch.compiler.assume_constant_result
def _is_exported() -> bool:
    translator = getattr(symbolic_convert.tls, "current_tx", None)  # of a function that is compiled or exported
    # Of torch.export(strict=True), which is the default up to torch 2.7, is_exporting knows nothing there.
    return torch.compiler.is_exporting() or (translator is not None and translator.export)


def in_forward_mode() -> bool:
    """Whether forward-mode derivatives may be wanted: a level for dual numbers is open."""
    return forward_ad._current_level >= 0


def may_be_differentiated_again() -> bool:
    """In a backward pass: whether what it computes may itself be differentiated (``create_graph=True``)."""
    return torch.is_grad_enabled() or in_forward_mode()


def runs_triton(x: Tensor) -> bool:
    """Whether our Triton kernels run on ``x``, or on what autocast, where it is on, makes of it."""
    return x.dtype in TRITON_TYPES and device_runs_triton(x.device)


def device_runs_triton(device: torch.device) -> bool:
    """Whether our Triton kernels run on a device."""
    return _device_runs_triton(device.type, device.index)


# For the compiler: the answer does not change while a program runs.
@torch.compiler.assume_constant_result
def _device_runs_triton(kind: str, index: int | None) -> bool:
    if os.environ.get(TRITON_SWITCH) == "0" or find_spec("triton") is None:
        return False
    if kind == "cpu":
        return os.environ.get("TRITON_INTERPRET") == "1"
    return kind == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(index) >= (8, 0)


def autocast_type(x: Tensor) -> torch.dtype | None:
    """Return the type in which autocast has a convolution or a product of ``x`` run; None where autocast is off."""
    device = x.device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return None
    return torch.get_autocast_dtype(device)


def leave_to_compiler(x: Tensor) -> bool:
    """Whether the compiler is at work and fuses elementwise operations on ``x`` better than ours are."""
    return torch.compiler.is_compiling() and x.device.type != "cpu" and not runs_triton(x)


def _is_untouched(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is of exactly that class, has no hooks, and its ``forward`` is that of its class."""
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    return type(module) is kind and not hooked and "forward" not in module.__dict__
