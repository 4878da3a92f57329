"""One table: every peer on one workload, first checked, then timed in turn with the others."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.speed.memory import peak_memory, saved_for_backward
from benchmarks.speed.parity import (
    BFLOAT16_TOLERANCE,
    FLOAT32_TOLERANCE,
    NumbersDiffer,
    Parity,
    PassResult,
    Specification,
    adapt,
    compare,
    compare_outputs,
    draw_cotangents,
    exact_float32,
    run_once,
)
from benchmarks.speed.peer import Network, Peer, PeerUnavailable, Workload
from benchmarks.speed.result import Measurement, NotTimed, Table
from benchmarks.speed.timing import time_in_turn

Forward = Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Conditions:
    """How the peers are run.

    Attributes:
        directions: What is timed: 'forward+backward', 'forward' or 'step', one table each.
        dtype: float32, or bfloat16 for autocast of it; weights stay in float32.
        compile: Whether each peer is timed a second time under ``torch.compile``, where it can be.
        rounds: Number of measurements of each peer.
        warm_up: Number of calls before them.
        least_seconds: How long a measurement lasts at least, by repeated calls.
    """

    directions: tuple[str, ...]
    dtype: torch.dtype
    compile: bool
    rounds: int
    warm_up: int
    least_seconds: float

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def autocast(self, device: torch.device) -> AbstractContextManager:
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16)


@dataclass
class PreparedPeer:
    """A peer's network that is ready to be timed.

    It has the workload's weights, and its numbers have been compared with the specification's.

    Attributes:
        peer: The peer.
        compiled: Whether ``forward`` is compiled.
        network: Its network.
        forward: What is timed: the network, or its compiled form.
        images: (N, 3, size, size), in the memory format of the peer.
        visible: (N, h, w) booleans, None for a network without a mask.
        parity: How far its numbers are from the specification's.
        conditions: How it is run.
        optimizer: AdamW over its parameters where whole training steps are timed, else None.
    """

    peer: Peer
    compiled: bool
    network: Network
    forward: Forward
    images: Tensor
    visible: Tensor | None
    parity: Parity
    conditions: Conditions
    optimizer: torch.optim.Optimizer | None = None

    def run_forward(self) -> tuple[Tensor, ...]:
        with self.conditions.autocast(self.images.device):
            return self.forward(self.images, self.visible)

    def call_forward(self) -> Callable[[], None]:
        """Return the forward pass alone."""

        def call() -> None:
            with torch.no_grad():
                self.run_forward()

        return call

    def call_training(self) -> Callable[[], None]:
        """Return forward and backward pass, and the optimiser's step if there is an optimiser."""
        cotangents = draw_cotangents(self.run_forward())

        def call() -> None:
            torch.autograd.backward(self.run_forward(), cotangents)
            if self.optimizer is not None:
                self.optimizer.step()
            self.network.zero_grad(set_to_none=True)

        return call


def measure_peers(
    workload: Workload, peers: Sequence[Peer], specification: Peer, conditions: Sequence[Conditions]
) -> list[Table]:
    """Check and time all peers on one workload.

    Args:
        workload: What they compute.
        peers: Which peers; ratios refer to the first of them that could be timed.
        specification: The peer whose numbers are right by definition.
        conditions: How they are run: in each type once. Only their types may differ.

    Returns:
        One table for each direction, all peers in the first type first.
    """
    # Compiled code of earlier workloads counts against the number of recompilations, beyond which PyTorch would run
    # the rest in eager mode without a word.
    torch._dynamo.reset()
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        expected = Specification(workload, specification)
        prepared: list[PreparedPeer] = []
        left_out: list[NotTimed] = []
        for each in conditions:
            ready, missing = prepare(workload, peers, expected, each)
            prepared += ready
            left_out += [replace(one, dtype=each.dtype_name) for one in missing] if len(conditions) > 1 else missing
        return [_measure(workload, prepared, left_out, name, conditions) for name in conditions[0].directions]


def prepare(
    workload: Workload, peers: Sequence[Peer], specification: Specification, conditions: Conditions
) -> tuple[list[PreparedPeer], list[NotTimed]]:
    """Build every peer and compare its numbers with the specification's.

    Returns:
        Those that compute the right numbers, and those that do not or are not installed, with the reason.
    """
    prepared: list[PreparedPeer] = []
    left_out: list[NotTimed] = []
    for peer in peers:
        modes = [False, True] if conditions.compile and peer.compilable else [False]
        try:
            network, images, visible = peer.prepare(adapt(workload, peer))
        except PeerUnavailable as error:
            left_out.append(NotTimed(peer.name, False, str(error)))
            continue
        expected = specification.expected(peer)
        for compiled in modes:
            try:
                if not compiled:
                    with exact_float32():
                        found = run_once(network, network, images, visible)
                    parity = compare(found, expected, FLOAT32_TOLERANCE, each_gradient=True)
                forward = _compile(network) if compiled else network
                ready = PreparedPeer(peer, compiled, network, forward, images, visible, parity, conditions)
                _check_timed_form(ready, expected)
            except NumbersDiffer as error:
                left_out.append(NotTimed(peer.name, compiled, str(error), failed=True))
                break
            except RuntimeError as error:  # out of memory, no compiler, an operator that the device does not have
                text = " ".join(str(error).split())
                left_out.append(NotTimed(peer.name, compiled, f"{type(error).__name__}: {text[:200]}", failed=True))
                break
            else:
                prepared.append(ready)
    return prepared, left_out


def _compile(network: Network) -> Forward:
    # Random masks have to be those of eager mode, or the losses could not be compared.
    return torch.compile(network, dynamic=False, options={"fallback_random": True})


def _check_timed_form(ready: PreparedPeer, expected: PassResult) -> None:
    """Compare the numbers in the very form that is timed.

    Compiled, under autocast, and without gradients if the forward pass alone is timed.
    """
    conditions, device = ready.conditions, ready.images.device
    exact = conditions.dtype == torch.float32 and device.type == "cpu"
    tolerance = FLOAT32_TOLERANCE if exact else BFLOAT16_TOLERANCE

    def forward(images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        with conditions.autocast(device):
            return ready.forward(images, visible)

    if ready.compiled or not exact:  # else this is what was checked already
        found = run_once(forward, ready.network, ready.images, ready.visible)
        ready.parity = compare(found, expected, tolerance, each_gradient=exact)
    if "forward" in conditions.directions:
        with torch.no_grad():
            compare_outputs(ready.run_forward(), expected.outputs, tolerance)


def _measure(
    workload: Workload,
    prepared: Sequence[PreparedPeer],
    left_out: Sequence[NotTimed],
    direction: str,
    conditions: Sequence[Conditions],
) -> Table:
    device = workload.images.device
    rounds, warm_up, least_seconds = conditions[0].rounds, conditions[0].warm_up, conditions[0].least_seconds
    if direction == "step":
        for ready in prepared:
            ready.optimizer = torch.optim.AdamW(ready.network.parameters(), lr=1e-6, fused=True)
    calls = [ready.call_forward() if direction == "forward" else ready.call_training() for ready in prepared]
    seconds = time_in_turn(calls, rounds, warm_up, device, least_seconds)
    rows = []
    for ready, call, times in zip(prepared, calls, seconds, strict=True):
        saved = None
        if direction != "forward":
            saved = saved_for_backward(ready.run_forward, list(ready.network.parameters()))
        rows.append(
            Measurement(
                peer=ready.peer.name,
                compiled=ready.compiled,
                computes=ready.peer.computes,
                seconds=times,
                peak_bytes=peak_memory(call, device),
                saved_bytes=saved,
                output_error=ready.parity.outputs,
                gradient_error=ready.parity.gradients,
                dtype=ready.conditions.dtype_name if len(conditions) > 1 else None,
            )
        )
    n, _, size, _ = workload.images.shape
    patches = None if workload.visible is None else workload.visible[0].numel()
    return Table(direction, n, size, workload.mask_ratio, workload.num_visible, patches, rows, list(left_out))
