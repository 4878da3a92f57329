"""One table: every peer on one workload, checked, warmed up, timed in turn with the others."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark_parts.measuring import time_in_turn
from benchmark_parts.memory import peak_memory, saved_for_backward
from benchmark_parts.parity import (
    BFLOAT16_TOLERANCE,
    FLOAT32_TOLERANCE,
    Different,
    Parity,
    Passed,
    Specification,
    adapt,
    compare,
    compare_outputs,
    draw_cotangents,
    exact_float32,
    run_once,
)
from benchmark_parts.peer import Absent, Network, Peer, Workload
from benchmark_parts.result import Missing, Row, Table

Forward = Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Rules:
    """How contenders are run.

    Attributes:
        directions: What is timed: 'forward+backward', 'forward' or 'step', one table each.
        dtype: float32, or bfloat16 for autocast of it; weights stay in float32.
        compile: Time each peer a second time under ``torch.compile``, where it can be.
        rounds: Measurements of each contender.
        warm_up: Calls before them.
        least_seconds: How long a measurement lasts at least, by repeated calls.
    """

    directions: tuple[str, ...]
    dtype: torch.dtype
    compile: bool
    rounds: int
    warm_up: int
    least_seconds: float

    def autocast(self, device: torch.device) -> AbstractContextManager:
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16)


@dataclass
class Contender:
    """A network that is ready to be timed: on the workload's weights, with the specification's numbers."""

    peer: Peer
    compiled: bool
    network: Network
    forward: Forward
    images: Tensor
    visible: Tensor | None
    parity: Parity
    rules: Rules
    optimizer: torch.optim.Optimizer | None = None

    def run_forward(self) -> tuple[Tensor, ...]:
        with self.rules.autocast(self.images.device):
            return self.forward(self.images, self.visible)

    def call_forward(self) -> Callable[[], None]:
        """Return the forward pass alone."""

        def call() -> None:
            with torch.no_grad():
                self.run_forward()

        return call

    def call_training(self) -> Callable[[], None]:
        """Forward and backward pass, and the optimiser's step if there is an optimiser."""
        cotangents = draw_cotangents(self.run_forward())

        def call() -> None:
            torch.autograd.backward(self.run_forward(), cotangents)
            if self.optimizer is not None:
                self.optimizer.step()
            self.network.zero_grad(set_to_none=True)

        return call


def hold_contest(workload: Workload, peers: Sequence[Peer], specification: Peer, rules: Rules) -> list[Table]:
    """Measures all peers.

    Args:
        workload: What they compute.
        peers: Who takes part; ratios refer to the first of them that could be measured.
        specification: The peer that defines what is right.
        rules: How.
    """
    # Compiled code of earlier workloads counts against the number of recompilations, beyond which PyTorch would run
    # the rest in eager mode without a word.
    torch._dynamo.reset()
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        contenders, missing = admit(workload, peers, Specification(workload, specification), rules)
        return [_measure(workload, contenders, missing, direction, rules) for direction in rules.directions]


def admit(
    workload: Workload, peers: Sequence[Peer], specification: Specification, rules: Rules
) -> tuple[list[Contender], list[Missing]]:
    """Who computes the right numbers here, and who does not, or is not there, and why."""
    contenders: list[Contender] = []
    missing: list[Missing] = []
    for peer in peers:
        modes = [False, True] if rules.compile and peer.compilable else [False]
        try:
            network, images, visible = peer.prepare(adapt(workload, peer))
        except Absent as error:
            missing.append(Missing(peer.name, False, str(error)))
            continue
        expected = specification.expected(peer)
        for compiled in modes:
            try:
                if not compiled:
                    with exact_float32():
                        passed = run_once(network, network, images, visible)
                    parity = compare(passed, expected, FLOAT32_TOLERANCE, each_gradient=True)
                contender = _enter(peer, compiled, network, images, visible, parity, rules)
                _check_as_timed(contender, expected)
            except Different as error:
                missing.append(Missing(peer.name, compiled, str(error), failed=True))
                break
            except RuntimeError as error:  # out of memory, no compiler, an operator that the device does not have
                text = " ".join(str(error).split())
                missing.append(Missing(peer.name, compiled, f"{type(error).__name__}: {text[:200]}", failed=True))
                break
            else:
                contenders.append(contender)
    return contenders, missing


def _enter(
    peer: Peer, compiled: bool, network: Network, images: Tensor, visible: Tensor | None, parity: Parity, rules: Rules
) -> Contender:
    # Random masks have to be those of eager mode, or the losses could not be compared.
    forward = torch.compile(network, dynamic=False, options={"fallback_random": True}) if compiled else network
    return Contender(peer, compiled, network, forward, images, visible, parity, rules)


def _check_as_timed(contender: Contender, expected: Passed) -> None:
    """Compare the numbers in the very form that is timed.

    Compiled, under autocast, without gradients if that is timed.
    """
    rules, device = contender.rules, contender.images.device
    exact = rules.dtype == torch.float32 and device.type == "cpu"
    tolerance = FLOAT32_TOLERANCE if exact else BFLOAT16_TOLERANCE

    def forward(images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        with rules.autocast(device):
            return contender.forward(images, visible)

    if contender.compiled or not exact:  # else this is what was checked already
        passed = run_once(forward, contender.network, contender.images, contender.visible)
        contender.parity = compare(passed, expected, tolerance, each_gradient=exact)
    if "forward" in rules.directions:
        with torch.no_grad():
            compare_outputs(contender.run_forward(), expected.outputs, tolerance)


def _measure(
    workload: Workload, contenders: Sequence[Contender], missing: Sequence[Missing], direction: str, rules: Rules
) -> Table:
    device = workload.images.device
    if direction == "step":
        for contender in contenders:
            contender.optimizer = torch.optim.AdamW(contender.network.parameters(), lr=1e-6)
    calls = [c.call_forward() if direction == "forward" else c.call_training() for c in contenders]
    seconds = time_in_turn(calls, rules.rounds, rules.warm_up, device, rules.least_seconds)
    rows = []
    for contender, call, times in zip(contenders, calls, seconds, strict=True):
        saved = None
        if direction != "forward":
            saved = saved_for_backward(contender.run_forward, list(contender.network.parameters()))
        rows.append(
            Row(
                peer=contender.peer.name,
                compiled=contender.compiled,
                computes=contender.peer.computes,
                seconds=times,
                peak_bytes=peak_memory(call, device),
                saved_bytes=saved,
                output_error=contender.parity.outputs,
                gradient_error=contender.parity.gradients,
            )
        )
    n, _, size, _ = workload.images.shape
    patches = None if workload.visible is None else workload.visible[0].numel()
    return Table(direction, n, size, workload.mask_ratio, workload.num_visible, patches, rows, list(missing))
