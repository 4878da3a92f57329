"""What only mmpretrain can tell: its backbone alone, with a norm behind every stage."""

import torch

from cnxv2_mm.checkpoints.translate import to_ours
from tests.checkpoints.peers import SMALL, build_ours
from tests.conftest import photographs, relative_error


@torch.no_grad()
def test_the_maps_of_an_mmpretrain_backbone_are_ours():
    """Straight from ``mmpretrain.ConvNeXt`` with four outputs, norms included, into ours."""
    import mmpretrain.models  # noqa: F401
    from mmengine.registry import MODELS, DefaultScope

    config = {
        "type": "mmpretrain.ConvNeXt",
        "arch": {"depths": list(SMALL.depths), "channels": list(SMALL.channels)},
        "out_indices": (0, 1, 2, 3),
        "gap_before_final_norm": False,
        "use_grn": True,
        "layer_scale_init_value": 0.0,
    }
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        model = MODELS.build(config)
    model.eval()  # returns nothing
    for parameter in model.parameters():
        parameter.uniform_(-0.3, 0.3)
    backbone = build_ours(SMALL)
    tensors = to_ours(model.state_dict()).tensors
    backbone.load_state_dict({n.removeprefix("backbone."): t for n, t in tensors.items()}, assign=True)
    images = photographs(2, size=(64, 96))
    for ours, theirs in zip(backbone(images), model(images), strict=True):
        assert relative_error(ours, theirs) < 1e-5
