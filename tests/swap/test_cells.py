"""Cells of one image that each parameter works on, against shapes that are plain to see."""

import torch
from torch import nn

from cnxv2_mm.swap.cells import cells_of_parameters


class Windows(nn.Module):
    """A linear layer on (4, 4) windows as a batch of their own, as Swin calls it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, kernel_size=2, stride=2), nn.BatchNorm2d(6))
        self.linear = nn.Linear(6, 5)
        self.unused = nn.Linear(1, 1)

    def forward(self, images):
        x = self.stem(images)  # (N, 6, H / 2, W / 2)
        windows = x.unflatten(3, (-1, 4)).unflatten(2, (-1, 4)).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, 6)
        return self.linear(windows)


def test_cells_are_those_of_one_image_however_they_are_arranged():
    module = Windows()
    with cells_of_parameters(module) as cells:
        module(torch.zeros(3, 3, 32, 16))
    assert {cells[p] for p in module.parameters() if p in cells} == {16 * 8}
    assert {name for name, p in module.named_parameters() if p not in cells} == {"unused.weight", "unused.bias"}
    assert not module._forward_pre_hooks
    assert not module.linear._forward_hooks
