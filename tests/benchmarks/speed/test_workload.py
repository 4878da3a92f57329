"""Workloads: drawn at random, and always the same."""

import pytest
import torch

from benchmarks.speed.workload import make_workload
from cnxv2_mm import FCMAE, ConvNeXtV2
from tests.benchmarks.speed.examples import ARCH, workload_of


def test_the_same_arguments_give_the_same_workload():
    first, second = workload_of("step"), workload_of("step")
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.visible, second.visible)
    assert all(torch.equal(first.weights[name], tensor) for name, tensor in second.weights.items())


def test_every_image_hides_the_share_that_was_asked_for():
    workload = make_workload("pretrain", ARCH, 4, 160, 0.6, "cpu")
    assert workload.visible.shape == (4, 5, 5)
    assert workload.visible.sum(dim=(1, 2)).tolist() == [10] * 4  # 0.4 of 25 patches
    assert len({tuple(row.flatten().tolist()) for row in workload.visible}) == 4
    assert workload_of("backbone").visible is None


def test_no_parameter_is_left_at_its_start():
    """GRN starts as the identity and biases as zeros, which would hide mistakes."""
    weights = workload_of("step").weights
    assert weights.keys() == dict(FCMAE(ConvNeXtV2(ARCH, out_indices=())).named_parameters()).keys()
    assert all(tensor.unique().numel() > 1 for tensor in weights.values())


def test_impossible_workloads_are_refused():
    with pytest.raises(ValueError, match="32"):
        make_workload("pretrain", ARCH, 1, 100, 0.6, "cpu")
    with pytest.raises(ValueError, match="1"):
        make_workload("pretrain", ARCH, 1, 96, 1.0, "cpu")
