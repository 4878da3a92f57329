"""Two properties of a training step of FCMAE (tiny, packed, bfloat16), eager and compiled.

    python -m benchmarks.gpu.training_step no_waiting       # the host never waits for the device
    python -m benchmarks.gpu.training_step deterministic    # two steps from one seed give the same loss and gradients

It is the step that ``tools/benchmark.py step`` times, with a fused AdamW behind it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from benchmarks.speed.measure import Forward, compile_network
from benchmarks.speed.peer import Network, Workload
from benchmarks.speed.registry import PEERS
from benchmarks.speed.workload import make_workload

BATCH_SIZE = 128
QUICK_ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}


def draw_workload(device: str, quick: bool) -> Workload:
    """Return what ``tools/benchmark.py step --arch tiny --batch-size 128`` computes; quick, something small."""
    if quick:
        return make_workload("step", QUICK_ARCH, 2, 64, 0.6, device)
    return make_workload("step", "tiny", BATCH_SIZE, 224, 0.6, device)


def forms(network: Network) -> Iterator[tuple[str, Forward]]:
    """Give a network as it is, and compiled where that takes no minutes: on a GPU."""
    yield "eager", network
    if next(network.parameters()).is_cuda:
        yield "compiled", compile_network(network)


def run_forward(forward: Forward, images: Tensor) -> Tensor:
    """Return the loss, under autocast in bfloat16."""
    with torch.autocast(images.device.type, dtype=torch.bfloat16):
        return forward(images, None)[0]


def check_no_waiting(workload: Workload) -> None:
    """Run steps under PyTorch's own check, which raises where the host waits for the device.

    Raises:
        RuntimeError: It does; the traceback shows where.
    """
    network, images, _ = PEERS["step"]["packed"].prepare(workload)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=True)
    for name, forward in forms(network):

        def step(forward: Forward = forward) -> None:
            run_forward(forward, images).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        for _ in range(2):  # what is done once may wait: compiling, the optimiser's state
            step()
        forbid_waiting(step)
        print(f"{name}: the host never waits for the device")


def forbid_waiting(call: Callable[[], None]) -> None:
    """Call under PyTorch's check."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()


def check_deterministic(workload: Workload) -> None:
    """Run two steps from one seed under ``torch.use_deterministic_algorithms(True)``.

    Raises:
        RuntimeError: An operation has no deterministic form, or the numbers differ.
    """
    torch.use_deterministic_algorithms(True)
    network, images, _ = PEERS["step"]["packed"].prepare(workload)
    for name, forward in forms(network):
        first, second = (_loss_and_gradients(network, forward, images) for _ in range(2))
        different = [key for key in first if not torch.equal(first[key], second[key])]
        if different:
            raise RuntimeError(f"{name}: two steps from one seed differ in {different[:5]}")
        print(f"{name}: two steps from one seed agree in {len(first)} tensors")


def _loss_and_gradients(network: Network, forward: Forward, images: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(0)  # masks are drawn
    loss = run_forward(forward, images)
    loss.backward()
    found = {"loss": loss.detach(), **{name: gradient.clone() for name, gradient in network.gradients().items()}}
    network.zero_grad(set_to_none=True)
    return found


CHECKS = {"no_waiting": check_no_waiting, "deterministic": check_deterministic}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.training_step", description="Properties of a step.")
    parser.add_argument("check", choices=list(CHECKS))
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="a small network and two images")
    args = parser.parse_args(argv)
    if args.check == "no_waiting" and args.device == "cpu":
        parser.error("no_waiting --device cpu: a CPU is never waited for; it needs a GPU")
    CHECKS[args.check](draw_workload(args.device, args.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
