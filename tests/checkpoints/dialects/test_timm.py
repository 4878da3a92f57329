"""What only timm can tell: which of its sizes write linear layers as 1 x 1 convolutions."""

import pytest

from tests.checkpoints.peers import CLASSES, VARIANTS, build_timm, in_dialect, random_network


@pytest.mark.parametrize("arch", ["atto", "femto", "pico", "nano", "tiny"])
def test_every_tensor_has_timm_s_own_shape(arch):
    theirs = build_timm(arch).state_dict()
    written = in_dialect(random_network(VARIANTS[arch], classes=CLASSES), "timm")
    assert {n: t.shape for n, t in written.items()} == {n: t.shape for n, t in theirs.items()}
