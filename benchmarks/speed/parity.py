"""The check before the clock: only peers that compute the same numbers are timed.

The outputs and all gradients of a peer are compared with those of the specification: our masked dense layout in float32
(for whole images our dense backbone), with the same patches hidden as the peer hides.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.speed.peer import Network, Peer, Weights, Workload

# Relative errors, in the L2 norm. In float32 each tensor by itself; in bfloat16, whose 8 bits are rounded some hundred
# times on the way, all gradients as one vector.
FLOAT32_TOLERANCE = 1e-3
BFLOAT16_TOLERANCE = 0.1


class NumbersDiffer(Exception):
    """A peer computes other numbers; the message says how far off they are."""


@dataclass(frozen=True)
class PassResult:
    """What one forward and backward pass of a network computes.

    Attributes:
        outputs: Its maps, or its loss.
        gradients: The gradient of every parameter, by our names.
    """

    outputs: tuple[Tensor, ...]
    gradients: Weights


@dataclass(frozen=True)
class Parity:
    """How far a peer is from the specification: relative errors in the L2 norm, of the worst tensor."""

    outputs: float
    gradients: float


def draw_cotangents(outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return gradients to start the backward pass from, the same for every peer, in its outputs' memory format."""
    generator = torch.Generator().manual_seed(1)
    draws = (torch.randn(o.shape, generator=generator) if o.ndim else torch.ones(()) for o in outputs)  # 1 for a loss
    return tuple(torch.empty_like(output).copy_(draw) for output, draw in zip(outputs, draws, strict=True))


def run_once(
    forward: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]],
    network: Network,
    images: Tensor,
    visible: Tensor | None,
) -> PassResult:
    """Run one forward and backward pass of ``forward``, which is ``network`` itself or its compiled form."""
    torch.manual_seed(0)  # a training step draws its masks
    outputs = forward(images, visible)
    torch.autograd.backward(outputs, draw_cotangents(outputs))
    gradients = {name: gradient.clone() for name, gradient in network.gradients().items()}
    network.zero_grad(set_to_none=True)
    return PassResult(tuple(output.detach().clone() for output in outputs), gradients)


def relative_error(result: Tensor, expected: Tensor) -> float:
    """Return the L2 norm of the difference over that of what is expected."""
    return ((result.float() - expected).norm() / expected.norm()).item()


def compare(found: PassResult, expected: PassResult, tolerance: float, each_gradient: bool) -> Parity:
    """Compare outputs and gradients.

    Args:
        found: What a peer computes.
        expected: What the specification computes.
        tolerance: The largest relative error, in the L2 norm, that is allowed.
        each_gradient: Whether each gradient is compared by itself, or all of them as one vector.

    Raises:
        NumbersDiffer: An error is larger than ``tolerance``, or the shapes or names differ.
    """
    outputs = compare_outputs(found.outputs, expected.outputs, tolerance)
    if found.gradients.keys() != expected.gradients.keys():
        names = sorted(found.gradients.keys() ^ expected.gradients.keys())
        raise NumbersDiffer(f"it and ours do not have the same parameters: {names[:3]}")
    if each_gradient:
        errors = {name: relative_error(found.gradients[name], g) for name, g in expected.gradients.items()}
    else:
        errors = {"all": relative_error(_join(found.gradients), _join(expected.gradients))}
    worst = max(errors, key=errors.__getitem__)
    if not errors[worst] <= tolerance:  # not so for NaN
        raise NumbersDiffer(
            f"its gradients ({worst}) differ by {errors[worst]:.2g}, a relative error of which {tolerance:g} is allowed"
        )
    return Parity(outputs, errors[worst])


def compare_outputs(outputs: tuple[Tensor, ...], expected: tuple[Tensor, ...], tolerance: float) -> float:
    """Return the relative error of the worst output.

    Raises:
        NumbersDiffer: The error is larger than ``tolerance``, or the shapes differ.
    """
    shapes, right = ([tuple(output.shape) for output in some] for some in (outputs, expected))
    if shapes != right:
        raise NumbersDiffer(f"its outputs have the shapes {shapes} instead of {right}")
    error = max(map(relative_error, outputs, expected))
    if not error <= tolerance:
        raise NumbersDiffer(f"its outputs differ by {error:.2g}, a relative error of which {tolerance:g} is allowed")
    return error


def _join(gradients: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([gradients[name].float().flatten() for name in sorted(gradients)])


class Specification:
    """What the peers of a workload have to compute, worked out once for each set of weights and masks."""

    def __init__(self, workload: Workload, peer: Peer) -> None:
        self.workload = workload
        self.peer = peer
        self.known: dict[tuple[bool, Callable[[Weights], Weights]], PassResult] = {}

    def expected(self, peer: Peer) -> PassResult:
        """Return what the specification computes with the weights and the mask of a peer."""
        key = (peer.hides, peer.adapt)
        if key not in self.known:
            network, images, _ = self.peer.prepare(adapt(self.workload, peer))
            visible = self.workload.visible if peer.hides else None
            with exact_float32():
                self.known[key] = run_once(network, network, images, visible)
        return self.known[key]


def adapt(workload: Workload, peer: Peer) -> Workload:
    """Return the workload with weights on which the peer computes what the specification does."""
    return Workload(**{**vars(workload), "weights": peer.adapt(workload.weights)})


def exact_float32() -> AbstractContextManager:
    """Turn off cuDNN's TF32, whose 11 bits are not float32."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
