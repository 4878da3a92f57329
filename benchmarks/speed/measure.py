"""One table: every peer on one workload, first checked, then timed in turn with the others."""

import math
import time
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
# Images that are compared with the specification in float32 on a GPU, where all of a batch of base would need 80 GiB.
IMAGES_CHECKED_ON_GPU = 8


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
        prepare_seconds: When no further peer of a table is built, compared or compiled; what is ready then is timed.
    """

    directions: tuple[str, ...]
    dtype: torch.dtype
    compile: bool
    rounds: int
    warm_up: int
    least_seconds: float
    prepare_seconds: float = math.inf

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
        checked = Specification(to_check(workload), specification)
        prepared: list[PreparedPeer] = []
        left_out: list[NotTimed] = []
        for each in conditions:
            ready, missing = prepare(workload, peers, checked, each)
            prepared += ready
            left_out += [replace(one, dtype=each.dtype_name) for one in missing] if len(conditions) > 1 else missing
        return [_measure(workload, prepared, left_out, name, conditions) for name in conditions[0].directions]


def to_check(workload: Workload) -> Workload:
    """Return what of a workload is compared with the specification: on a GPU its first images."""
    if workload.images.device.type == "cpu":
        return workload
    visible = None if workload.visible is None else workload.visible[:IMAGES_CHECKED_ON_GPU]
    return Workload(**{**vars(workload), "images": workload.images[:IMAGES_CHECKED_ON_GPU], "visible": visible})


def prepare(
    workload: Workload, peers: Sequence[Peer], specification: Specification, conditions: Conditions
) -> tuple[list[PreparedPeer], list[NotTimed]]:
    """Build every peer and compare its numbers with the specification's.

    The specification may have fewer images than the workload. Then peers are compared on these, and their compiled
    forms, which are made for one number of images, with the peers themselves on all of them.

    Returns:
        Those that compute the right numbers, and those that do not or are not installed, with the reason.
    """
    prepared: list[PreparedPeer] = []
    left_out: list[NotTimed] = []
    checked = len(specification.workload.images)
    start = time.monotonic()
    for peer in peers:
        modes = [False, True] if conditions.compile and peer.compilable else [False]
        try:
            network, images, visible = peer.prepare(adapt(workload, peer))
        except PeerUnavailable as error:
            left_out.append(NotTimed(peer.name, False, str(error)))
            continue
        expected = specification.expected(peer)
        some = images[:checked], None if visible is None else visible[:checked]
        for compiled in modes:
            if time.monotonic() - start > conditions.prepare_seconds:
                reason = f"not begun within the {conditions.prepare_seconds:g} seconds that there were to prepare"
                left_out.append(NotTimed(peer.name, compiled, reason))
                continue
            try:
                if not compiled:
                    with exact_float32():
                        found = run_once(network, network, *some)
                    parity = compare(found, expected, FLOAT32_TOLERANCE, each_gradient=True)
                elif checked < len(images):
                    some = images, visible
                    expected = _run_timed_form(prepared[-1], *some)
                    torch.cuda.empty_cache()  # compiling takes a while, and other programs may want the memory
                forward = compile_network(network) if compiled else network
                ready = PreparedPeer(peer, compiled, network, forward, images, visible, parity, conditions)
                _check_timed_form(ready, expected, *some)
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


def compile_network(network: Network) -> Forward:
    """Return the compiled form of a network that is timed."""
    # Random masks have to be those of eager mode, or the losses could not be compared.
    return torch.compile(network, dynamic=False, options={"fallback_random": True})


def _check_timed_form(ready: PreparedPeer, expected: PassResult, images: Tensor, visible: Tensor | None) -> None:
    """Compare the numbers in the very form that is timed.

    Compiled, under autocast, and without gradients if the forward pass alone is timed.
    """
    conditions, device = ready.conditions, ready.images.device
    exact = conditions.dtype == torch.float32 and device.type == "cpu"
    tolerance = FLOAT32_TOLERANCE if exact else BFLOAT16_TOLERANCE
    if ready.compiled or not exact:  # else this is what was checked already
        found = _run_timed_form(ready, images, visible)
        ready.parity = compare(found, expected, tolerance, each_gradient=exact)
    if "forward" in conditions.directions:
        with torch.no_grad(), conditions.autocast(device):
            compare_outputs(ready.forward(images, visible), expected.outputs, tolerance)


def _run_timed_form(ready: PreparedPeer, images: Tensor, visible: Tensor | None) -> PassResult:
    def forward(images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        with ready.conditions.autocast(images.device):
            return ready.forward(images, visible)

    return run_once(forward, ready.network, images, visible)


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
