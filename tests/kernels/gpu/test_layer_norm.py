"""The programs for every size of the paper, compiled for GPUs that are not there: few registers, none spilled."""

import re
import subprocess
from collections import Counter

import pytest
import torch

from cnxv2_mm.kernels.gpu.layer_norm import add_parts, backward, forward
from cnxv2_mm.kernels.layer_norm import MOST_CHANNELS, num_parts
from cnxv2_mm.variants import VARIANTS
from tests.kernels.gpu.ahead_of_time import CUOBJDUMP, Launch, cubin, launches, resources

# Of a thread, forward and backward. A processor has 65536 registers, and a program 128 threads: with 168 a thread it
# runs three at a time, for which num_parts counts.
MOST_REGISTERS = (72, 168)
TINY = VARIANTS["tiny"].channels


def programs(channels: int, dtype: torch.dtype = torch.bfloat16, given: torch.dtype | None = None) -> list[Launch]:
    """The forward and the backward pass: of maps of a type, from an input that may have another one."""
    rows = 2432
    with torch.device("meta"):
        x, y = torch.empty(rows, channels, dtype=given or dtype), torch.empty(rows, channels, dtype=dtype)
        weight, parts = torch.empty(channels), torch.empty(num_parts(rows), 2, channels)

    def start() -> None:
        forward(x, weight, weight, 1e-6, y)
        backward(y, x, weight, 1e-6, x, parts)

    found = launches(start)
    assert len(found) == 2
    return found


@pytest.mark.parametrize(
    ("channels", "capability"),
    [
        *((c, 90) for c in sorted({c for variant in VARIANTS.values() for c in variant.channels})),
        *((c, capability) for c in TINY for capability in (80, 100)),
    ],
)
def test_registers_are_few_and_none_is_spilled(channels, capability):
    for launch, most in zip(programs(channels), MOST_REGISTERS, strict=True):
        used = resources(launch, capability)
        assert used["STACK"] == used["LOCAL"] == 0
        assert used["REG"] <= most


@pytest.mark.parametrize("capability", [80, 90, 100])
def test_the_sum_of_parts_is_small_too(capability):
    with torch.device("meta"):
        tensors = torch.empty(396, 2, 96), torch.empty(96), torch.empty(96)
    (launch,) = launches(lambda: add_parts(*tensors))
    used = resources(launch, capability)
    assert used["STACK"] == used["LOCAL"] == 0
    assert used["REG"] <= 64


@pytest.mark.parametrize("channels", [33, 96, 768, MOST_CHANNELS])
@pytest.mark.parametrize(
    "types",
    [(torch.float16, None), (torch.float32, None), (torch.bfloat16, torch.float32)],
    ids=["float16", "float32", "float32 under autocast"],
)
def test_no_other_type_or_size_spills(channels, types):
    for launch in programs(channels, *types):
        used = resources(launch, 90)
        assert used["STACK"] == used["LOCAL"] == 0


@pytest.mark.parametrize("channels", TINY)
def test_maps_are_read_and_written_sixteen_bytes_at_a_time(channels, tmp_path):
    """Three slices each of x, the gradient and the parameters; only partial sums are written otherwise, once."""
    for launch, reads in zip(programs(channels), (1 + 4, 2 + 2), strict=True):
        file = tmp_path / "program.cubin"
        file.write_bytes(cubin(launch, 90))
        code = subprocess.run([CUOBJDUMP, "--dump-sass", file], capture_output=True, text=True, check=True).stdout
        loads, stores = Counter(re.findall(r"\bLDG\.E(\S*)", code)), Counter(re.findall(r"\bSTG\.E(\S*)", code))
        assert loads == {".128": 3 * reads}  # a parameter's eight numbers are 32 bytes
        assert stores[".128"] >= 3
