"""The programs compiled ahead of time for GPUs that are not there: few registers, none spilled, loads of 16 bytes."""

import re
import subprocess

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not on every platform")
from cnxv2_mm.kernels.gelu_grn import num_parts
from cnxv2_mm.kernels.gpu import gelu_grn as gpu
from tests.kernels.gpu.ahead_of_time import CUOBJDUMP, cubin, launches, resources

REGISTERS = {  # at most; with 72 of them a processor runs seven of these programs at a time
    "cell_sums_program": 48,
    "square_sums_program": 56,
    "apply_program": 72,
    "product_sums_program": 80,
    "apply_backward_program": 80,
}
SHAPES = {"packed": (128, 1216, 384), "dense": (2, 65536, 384)}  # of tiny's first stage; the others compile to the same


def starts(shape):
    """What starts each program, on tensors without data."""
    n, m, d = shape
    h = torch.empty(shape, device="meta", dtype=torch.bfloat16)
    sums = torch.empty(n, num_parts(n, m, d), d, device="meta")
    scale, beta = torch.empty(n, d, device="meta"), torch.empty(d, device="meta")
    return {
        "cell_sums_program": lambda: gpu.cell_sums(h, sums),
        "square_sums_program": lambda: gpu.square_sums(h, sums),
        "apply_program": lambda: gpu.apply(h, scale, beta, h),
        "product_sums_program": lambda: gpu.product_sums(h, h, sums, sums),
        "apply_backward_program": lambda: gpu.apply_backward(h, h, scale, beta, scale, h, h, sums),
    }


@pytest.mark.parametrize("capability", [80, 90, 100])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", REGISTERS)
def test_nothing_spills_and_registers_are_few(name, shape, capability):
    (launch,) = launches(starts(shape)[name])
    found = resources(launch, capability)
    assert found["STACK"] == found["LOCAL"] == 0
    assert found["REG"] <= REGISTERS[name]


@pytest.mark.parametrize("name", REGISTERS)
def test_maps_are_read_and_written_16_bytes_at_a_time(name, tmp_path):
    (launch,) = launches(starts(SHAPES["packed"])[name])
    file = tmp_path / "cubin"
    file.write_bytes(cubin(launch, 90))
    code = subprocess.run([CUOBJDUMP, "-sass", file], capture_output=True, text=True, check=True).stdout
    widths = set(re.findall(r"(?:LDG|STG)\.E\.(\w+)", code))  # none is named where it is 4 bytes, as of the sums
    assert widths == {"128"}
