"""What only torchvision can tell: its own builders, heads and neighbours."""

import pytest
import torch
import torchvision
from torch import nn

from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.detect import find_network
from cnxv2_mm.checkpoints.translate import to_ours
from cnxv2_mm.variants import VARIANTS
from tests.checkpoints.peers import SMALL, build, in_dialect, random_network


@pytest.mark.parametrize("arch", ["tiny", "small"])
def test_every_tensor_has_torchvision_s_own_shape(arch):
    """Oracle: torchvision's builders, by the names of the published weights."""
    with torch.device("meta"):
        model = torchvision.models.get_model(f"convnext_{arch}")
    shapes = {name: t.shape for name, t in model.state_dict().items()}
    size = VARIANTS[arch]
    written = in_dialect(random_network(size, v1=True, classes=1000), "torchvision")
    assert {name: t.shape for name, t in written.items()} == shapes
    assert to_ours(written).check() == Architecture(size.depths, size.channels, 3, use_grn=False, layer_scale=True)


HEADS = {
    "dropout before the classifier": lambda head: nn.Sequential(*head[:2], nn.Dropout(), head[2]),
    "two linear layers": lambda head: nn.Sequential(*head, nn.GELU(), nn.Linear(10, 3)),
    "no norm": lambda head: head[2],
}


@pytest.mark.parametrize("head", HEADS)
def test_a_changed_head_is_dropped_with_a_reason(head):
    model = build("torchvision", SMALL, v1=True)
    model.classifier = HEADS[head](model.classifier)
    translation = to_ours(model.state_dict())
    translation.check()
    (names,) = translation.dropped.values()
    assert set(translation.dropped) == {
        "a classifier that is more than a linear layer behind the pooled and normed map"
    }
    kept = {name for name in translation.tensors if not name.startswith("backbone.stages.") and ".downs" not in name}
    assert kept == (set() if head == "no norm" else {"backbone.norm3.weight", "backbone.norm3.bias"})
    assert len(names) == sum(name.startswith("classifier.") for name in model.state_dict()) - len(kept)


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenet_v3_small", "swin_t", "vgg11"])
def test_its_other_networks_are_no_convnext(name):
    with torch.device("meta"):
        model = torchvision.models.get_model(name)
    with pytest.raises(ValueError, match="it holds no ConvNeXt in any of the dialects"):
        find_network(model.state_dict())
