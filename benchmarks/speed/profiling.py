"""Where the time of a training step goes on the CPU, by kinds of operations: what is left to gain, and where.

Each operation's own time, as PyTorch's profiler sees it, counts for one kind. What the depthwise convolution and the
optimiser call counts for them, writing cells into maps and back included; inside the fused MLP, products and the other
arithmetic are told apart.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.peer import Network

PRODUCTS = "matrix products"
# Kinds of whole calls, by what they or any operation around them are called; then of single operations.
_AROUND = {"optimiser": r"Optimizer\.step#", "convolutions": r"depthwise|conv"}
_SINGLE = {
    PRODUCTS: r"(aten::(mm|addmm|addmm_|bmm)|mkldnn::_linear_pointwise)$",
    "GELU, norms, GRN, other arithmetic": (
        r"aten::(gelu|native_layer|linalg|sum|mean|var|mul|add|sub|div|pow|sqrt|where|mask)"
    ),
    "copies, gathers, zeros": r"aten::(copy_|index|fill_|zero_|cat|clone|constant_pad)",
}
REST = "everything else"
KINDS = (*_SINGLE, *_AROUND, REST)


@dataclass(frozen=True)
class Profile:
    """Where the time of one call goes, on average.

    Attributes:
        seconds: Seconds of each kind of operation.
        product_operations: Number of multiplications and additions in the matrix products.
    """

    seconds: Mapping[str, float]
    product_operations: int

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def product_rate(self) -> float:
        """Operations per second in the matrix products."""
        return self.product_operations / self.seconds[PRODUCTS]


def training_step(
    network: Network, images: Tensor, visible: Tensor | None, dtype: torch.dtype = torch.float32
) -> Callable[[], None]:
    """Return a call that computes loss and gradients, in bfloat16 under autocast, and runs AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=True)

    def step() -> None:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            (loss,) = network(images, visible)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def profile_calls(call: Callable[[], None], count: int, warm_up: int = 3) -> Profile:
    """Profile ``count`` calls on the CPU, after ``warm_up`` others."""
    for _ in range(warm_up):
        call()
    operations = count_products(call)
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        for _ in range(count):
            call()
    seconds = dict.fromkeys(KINDS, 0.0)
    for event in recorded.events():
        seconds[kind_of(event)] += event.self_cpu_time_total / 1e6 / count
    return Profile(seconds, operations)


def kind_of(event: FunctionEvent) -> str:
    """Return the kind of an operation, one of :data:`KINDS`."""
    names = _names_outwards(event)
    for kind, pattern in _AROUND.items():
        if any(re.search(pattern, name) for name in names):
            return kind
    return next((kind for kind, pattern in _SINGLE.items() if re.match(pattern, event.name)), REST)


def _names_outwards(event: FunctionEvent) -> list[str]:
    names: list[str] = []
    around: FunctionEvent | None = event
    while around is not None:
        names.append(around.name)
        around = around.cpu_parent
    return names


def count_products(call: Callable[[], None]) -> int:
    """Count the multiplications and additions of the matrix products in a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return sum(
        n for operation, n in counter.get_flop_counts().get("Global", {}).items() if "conv" not in str(operation)
    )


def render(title: str, command: str, where: str, profiles: Mapping[str, Profile]) -> str:
    """Return a page with one column for each peer; ratios refer to the first."""
    names = list(profiles)
    headings = ["", *(f"{name}, ms" for name in names), *(f"{name} / {names[0]}" for name in names[1:])]
    kinds = sorted(KINDS, key=lambda kind: -profiles[names[0]].seconds[kind])
    rows = [_row(kind, [p.seconds[kind] for p in profiles.values()]) for kind in kinds]
    rows.append(_row("all", [p.total for p in profiles.values()]))
    share = [f"{p.seconds[PRODUCTS] / p.total:.0%}" for p in profiles.values()]
    rate = [f"{p.product_rate / 1e9:.0f} GFLOP/s" for p in profiles.values()]
    said = "; ".join(f"{name} {s} of the time, at {r}" for name, s, r in zip(names, share, rate, strict=True))
    dashes = ["---", *["---:"] * (len(headings) - 1)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in [headings, dashes, *rows])
    return f"# {title}\n\n`{command}`\n\n{where}.\n\n{table}\n\nMatrix products: {said}.\n"


def _row(kind: str, seconds: Sequence[float]) -> list[str]:
    first = seconds[0]
    ratios = [f"{s / first:.2f}" if first else "" for s in seconds[1:]]
    return [kind, *(f"{1e3 * s:.1f}" for s in seconds), *ratios]
