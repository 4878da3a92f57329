"""Steps of fake tensors, here of the CPU, for which nothing has to be there."""

import torch
from torch._subclasses.fake_tensor import FakeTensor

from benchmarks.traffic.fake_step import make_fake_step
from benchmarks.traffic.plan import Row

ARCH = {"depths": [1, 1, 1, 1], "channels": [8, 16, 24, 32]}


def run(part, layout):
    step = make_fake_step(Row(part, layout, ARCH, 2, "eager", 64), "cpu")
    with step.mode:
        results = step.forward(*step.inputs)
    return step, results


def test_a_step_returns_a_loss():
    step, loss = run("step", "packed")
    assert isinstance(loss, FakeTensor)
    assert loss.shape == ()
    assert [tuple(one.shape) for one in step.inputs] == [(2, 3, 64, 64), (2, 2, 2)]
    assert step.inputs[1].dtype == torch.bool


def test_an_encoder_returns_the_last_map():
    _, features = run("encoder", "masked_dense")
    assert features.shape == (2, 32, 2, 2)


def test_a_backbone_returns_four_maps():
    step, maps = run("backbone", "dense")
    assert [tuple(one.shape) for one in maps] == [(2, 8, 16, 16), (2, 16, 8, 8), (2, 24, 4, 4), (2, 32, 2, 2)]
    cotangents = step.cotangents(maps)
    assert [one.shape for one in cotangents] == [one.shape for one in maps]
    assert all(isinstance(one, FakeTensor) for one in cotangents)
