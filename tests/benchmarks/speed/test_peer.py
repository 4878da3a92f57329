"""What a peer is given, and what it says when it cannot take part."""

import sys

import pytest
import torch

from benchmarks.speed import mmpretrain_peers
from benchmarks.speed.peer import PeerUnavailable
from benchmarks.speed.registry import PEERS
from tests.benchmarks.speed.examples import ARCH, workload_of


def test_channels_last_is_a_format_of_images_and_weights():
    for name, expected in (("timm", torch.contiguous_format), ("timm_channels_last", torch.channels_last)):
        network, images, visible = PEERS["backbone"][name].prepare(workload_of("backbone"))
        assert images.is_contiguous(memory_format=expected)
        assert all(p.is_contiguous(memory_format=expected) for p in network.parameters() if p.ndim == 4)
        assert network.training
        assert visible is None


def test_only_peers_that_hide_get_a_mask():
    workload = workload_of("pretrain")
    for name, hides in (("packed", True), ("timm", False)):
        visible = PEERS["pretrain"][name].prepare(workload)[2]
        assert visible is (workload.visible if hides else None)


def test_the_channels_are_those_of_the_size():
    assert workload_of("backbone").channels == ARCH["channels"]
    assert workload_of("backbone", arch="atto").channels == (40, 80, 160, 320)


@pytest.mark.parametrize("library", ["timm", "mmpretrain.models"])
def test_a_library_that_cannot_be_imported_is_absent(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(mmpretrain_peers, "import_failure", mmpretrain_peers.import_failure.__wrapped__)  # uncached
    with pytest.raises(PeerUnavailable, match=f"{library.split('.')[0]} cannot be imported"):
        PEERS["backbone"][library.split(".")[0]].prepare(workload_of("backbone"))
