"""Half precision is computed in float32, the rest in its own type."""

import pytest
import torch

from cnxv2_mm.mmcv_ops.precision import compute_dtype


@pytest.mark.parametrize(
    ("given", "computed"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_the_type_that_operators_compute_in(given, computed):
    assert compute_dtype(torch.zeros(1, dtype=given)) == computed
