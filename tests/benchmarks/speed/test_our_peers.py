"""Our own networks as peers."""

import pytest
import torch

from benchmarks.speed.our_peers import OurEncoder, OurMaskedDenseByKernels
from tests.benchmarks.speed.examples import workload_of


@pytest.mark.parametrize("build", [lambda w: OurEncoder(w, "packed"), OurMaskedDenseByKernels])
def test_without_a_mask_every_patch_is_visible(build):
    """The same as a mask that shows every patch."""
    workload = workload_of("pretrain")
    network = build(workload).eval()
    network.num_visible = workload.visible[0].numel()
    with torch.no_grad():
        (whole,) = network(workload.images, None)
        (shown,) = network(workload.images, torch.ones_like(workload.visible))
    torch.testing.assert_close(whole, shown)
