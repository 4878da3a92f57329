"""Pictures of noise."""

import torch

from benchmarks.swap.batches.pictures import noise


def test_noise_is_bytes_and_follows_from_the_seed():
    one = noise(20, 30, seed=1)
    assert (one.shape, one.dtype) == ((3, 20, 30), torch.uint8)
    assert torch.equal(one, noise(20, 30, seed=1))
    assert not torch.equal(one, noise(20, 30, seed=2))
    assert one.float().std() > 50  # uniform in 0 ... 255: 74
