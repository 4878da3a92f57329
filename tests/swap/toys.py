"""Backbones that are odd in one way each, and heads, registered under mmengine's own scope."""

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn


class _Toy(BaseModule):
    def __init__(self, in_channels=3):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 6, kernel_size=8, stride=8)


@MODELS.register_module()
class ToyOneMap(_Toy):
    def forward(self, images: Tensor):
        return (self.conv(images),)


@MODELS.register_module()
class ToyBareTensor(_Toy):
    def forward(self, images: Tensor):
        return self.conv(images)


@MODELS.register_module()
class ToyTwoInputs(_Toy):
    def forward(self, images: Tensor, depth: Tensor):
        return (self.conv(images) + depth,)


@MODELS.register_module()
class ToyBranchesInTraining(_Toy):
    def forward(self, images: Tensor):
        x = self.conv(images)
        return (torch.cat([x, x, x]) if self.training else x,)


@MODELS.register_module()
class ToyDict(_Toy):
    def forward(self, images: Tensor):
        return {"map": self.conv(images)}


@MODELS.register_module()
class ToyNumbers(_Toy):
    """Reads numbers while it is built, as drop rates are."""

    def __init__(self):
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        self.threshold = torch.ones(1).item()

    def forward(self, images: Tensor):
        return (self.conv(images),)


@MODELS.register_module()
class ToyPickyHead(BaseModule):
    """Takes a last map of one width only, and does not say so in a key that configs use for it."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, 1, kernel_size=1)

    def forward(self, maps):
        return self.conv(maps[-1])


@MODELS.register_module()
class ToyKernelHead(BaseModule):
    """Moves 512 numbers to others, and reads the last map."""

    def __init__(self, kernel, reader):
        super().__init__()
        self.kernel = nn.Linear(kernel["in_channels"], 4)
        self.reader = nn.Conv2d(reader["in_channels"], 4, kernel_size=1)

    def forward(self, maps):
        return self.reader(maps[-1]), self.kernel(maps[-1].new_empty(1, 512))


@MODELS.register_module()
class ToyNeckOfTwoImages(BaseModule):
    """Reads the maps of two images, as change detectors do; ``in_channels`` is of a convolution, 0 for none."""

    def __init__(self, in_channels=0):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, kernel_size=1) if in_channels else nn.Identity()

    def forward(self, before, after):
        return tuple(self.conv(a - b) for a, b in zip(after, before, strict=True))


@MODELS.register_module()
class ToyNeckOfNumbers(BaseModule):
    """Cannot be run without numbers, and says so with an error of its own."""

    def forward(self, maps):
        if maps[0].is_meta:
            raise TypeError("no numbers")
        return maps


@MODELS.register_module()
class ToyBareHead(BaseModule):
    """Fails without a word."""

    def __init__(self, in_channels):
        super().__init__()
        assert in_channels == 512


@MODELS.register_module()
class ToyRunningHead(BaseModule):
    """Builds with any number and runs with maps of 512 channels alone."""

    def __init__(self, in_channels):
        super().__init__()

    def forward(self, maps):
        if maps[-1].shape[1] != 512:
            raise ValueError("bad width")
        return maps[-1]


@MODELS.register_module()
class ToyWideNeck(BaseModule):
    """Multiplies the channels that it states, and rounds as a class of mmyolo does: down, or up to a multiple of 8."""

    def __init__(self, in_channels, out_channels, widen_factor, rounds_up):
        super().__init__()
        widths = [
            [8 * -int(-stated * widen_factor // 8) if rounds_up else int(stated * widen_factor) for stated in channels]
            for channels in (in_channels, out_channels)
        ]
        self.convs = nn.ModuleList(nn.Conv2d(*both, kernel_size=1) for both in zip(*widths, strict=True))

    def forward(self, maps):
        return tuple(conv(x) for conv, x in zip(self.convs, maps, strict=True))
