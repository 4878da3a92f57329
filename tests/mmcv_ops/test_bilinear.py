"""Which cells bilinear samples read, against the definition."""

import torch

from cnxv2_mm.mmcv_ops.bilinear import bilinear_corners
from tests.mmcv_ops.bilinear_reading import bilinear


def test_the_definition_in_and_around_a_map(device):
    plane = torch.randn(3, 4, dtype=torch.float64, device=device)
    y, x = torch.arange(-1.5, 4.6, 0.25, device=device).double(), torch.arange(-1.5, 5.6, 0.25, device=device).double()
    corners = bilinear_corners(y[:, None], x[None], 3, 4)
    result = sum(plane[row, column] * weight for row, column, weight in corners)
    expected = torch.stack([torch.stack([bilinear(plane, b, a) for a in x.tolist()]) for b in y.tolist()])
    torch.testing.assert_close(result, expected)
