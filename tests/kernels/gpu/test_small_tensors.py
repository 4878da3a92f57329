"""The programs of small tensors, compiled ahead of time for GPUs that are not there: few registers, none spilled."""

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not on every platform")
from cnxv2_mm.kernels.gelu_grn import num_parts
from cnxv2_mm.kernels.gpu import small_tensors as gpu
from tests.kernels.gpu.ahead_of_time import launches, resources

SHAPES = {
    "tiny's first stage, packed": (128, 1216, 384),
    "tiny's first stage, dense": (2, 65536, 384),
    "tiny's last stage": (128, 19, 3072),
    "huge's last stage": (128, 19, 11264),
}


@pytest.mark.pinned
@pytest.mark.parametrize("capability", [80, 90, 100])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_nothing_spills_and_registers_are_few(shape, capability):
    n, m, d = shape
    sums = torch.empty(n, num_parts(n, m, d), d, device="meta")
    norms, gamma, bias = (torch.empty(size, device="meta") for size in ((n, d), (d,), (d // 4,)))

    def start():
        gpu.scale(sums, gamma, 1e-6, norms, norms)
        gpu.scale_backward(sums, norms, gamma, 1e-6, norms, norms)
        gpu.vector_sums([norms, sums, sums, sums[..., : d // 4]], [gamma, gamma, gamma, bias])

        weight = torch.empty(d, d // 4, device="meta")
        small = [each.bfloat16() for each in (weight, gamma, weight, bias)]
        gpu.cast([weight, gamma, weight, bias], small)

    recorded = launches(start)
    assert len(recorded) == 4
    for launch in recorded:
        found = resources(launch, capability)
        assert found["STACK"] == found["LOCAL"] == 0
        assert found["REG"] <= 96
        assert found["REG"] * 32 * launch.options["num_warps"] <= 65536  # what a processor has
