"""What only timm can tell: its shapes, its own builders, and the models that hold one of its networks."""

import pytest
import timm
import torch
from torch import nn

from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from tests.checkpoints.peers import CLASSES, SMALL, VARIANTS, build, build_ours, build_timm, in_dialect, random_network
from tests.conftest import photographs, relative_error

V1 = Architecture(SMALL.depths, SMALL.channels, 3, use_grn=False, layer_scale=True)
SIZES = {"depths": SMALL.depths, "dims": SMALL.channels}


@pytest.mark.parametrize("arch", ["atto", "femto", "pico", "nano", "tiny"])
def test_every_tensor_has_timm_s_own_shape(arch):
    theirs = build_timm(arch).state_dict()
    written = in_dialect(random_network(VARIANTS[arch], classes=CLASSES), "timm")
    assert {n: t.shape for n, t in written.items()} == {n: t.shape for n, t in theirs.items()}


@pytest.mark.parametrize("arch", ["atto", "tiny"])
def test_every_tensor_of_a_feature_extractor_has_timm_s_own_shape(arch):
    theirs = timm.create_model(f"convnextv2_{arch}", features_only=True).state_dict()
    written = in_dialect(random_network(VARIANTS[arch]), "timm-features")
    assert {n: t.shape for n, t in written.items()} == {n: t.shape for n, t in theirs.items()}


@torch.no_grad()
def test_a_feature_extractor_of_the_first_stages_computes_the_same():
    """timm builds no more stages than it returns maps of."""
    model = timm.create_model("convnext_tiny", features_only=True, out_indices=(0, 1), **SIZES).eval()
    for name, parameter in model.named_parameters():
        parameter.uniform_(0.5, 1.5) if "norm" in name else parameter.uniform_(-0.3, 0.3)
    translation = to_ours(model.state_dict())
    assert translation.check().depths == SMALL.depths[:2]
    backbone = build_ours(SMALL, v1=True, out_indices=(1,))
    backbone.norm1 = nn.Identity()
    state = {name.removeprefix("backbone."): tensor for name, tensor in translation.tensors.items()}
    backbone.load_state_dict(state, assign=True)
    images = photographs(2, size=(64, 96))
    assert relative_error(backbone(images)[0], model(images)[1]) < 1e-5


def test_an_encoder_of_segmentation_models_pytorch_is_found():
    """Its ``tu-`` encoders (0.6.0, encoders/timm_universal.py) hold timm's feature extractor as ``model``."""
    encoder = {f"encoder.model.{n}": t for n, t in build("timm-features", SMALL, v1=True).state_dict().items()}
    beside = {"decoder.blocks.x_0_0.conv1.0.weight": torch.ones(2), "segmentation_head.0.weight": torch.ones(2)}
    translation = to_ours(encoder | beside)
    assert translation.check() == V1
    assert set(translation.origins.values()) == set(encoder)
    assert translation.dropped == {"outside the network 'encoder.model.'": list(beside)}


class Tower(nn.Module):
    """As TimmModel of open_clip 3.3.0 (open_clip/timm_model.py): timm's network without pooling and classifier."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.trunk = timm.create_model("convnext_tiny", num_classes=0, global_pool="", **SIZES)
        self.head = head


class CLIP(nn.Module):
    """As CLIP there, but for the sizes (open_clip/model.py)."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.visual = Tower(head)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 8)])
        self.token_embedding = nn.Embedding(5, 8)
        self.positional_embedding = nn.Parameter(torch.ones(4, 8))
        self.ln_final = nn.LayerNorm(8)
        self.text_projection = nn.Parameter(torch.ones(8, 16))
        self.logit_scale = nn.Parameter(torch.tensor(2.7))
        self.register_buffer("attn_mask", torch.ones(4, 4), persistent=False)


@pytest.mark.parametrize(
    "head",
    [
        nn.Sequential(nn.Identity()),
        nn.Sequential(nn.ModuleDict({"proj": nn.Linear(32, 16, bias=False)})),
        nn.Sequential(nn.ModuleDict({"mlp": nn.Linear(32, 16)})),
    ],
    ids=["none", "linear", "mlp"],
)
@torch.no_grad()
def test_the_image_tower_of_clip_computes_the_same(head):
    model = CLIP(head).eval()
    for name, parameter in model.visual.named_parameters():
        parameter.uniform_(0.5, 1.5) if "norm" in name else parameter.uniform_(-0.3, 0.3)
    state = model.state_dict()
    translation = to_ours(state)
    assert translation.check() == V1
    trunk = [name for name in state if name.startswith("visual.trunk.")]
    assert set(translation.origins.values()) == set(trunk)
    assert translation.dropped == {"outside the network 'visual.trunk.'": [name for name in state if name not in trunk]}

    images = photographs(2, size=(64, 96))
    backbone = build_ours(SMALL, v1=True, out_indices=(3,), gap_before_final_norm=True)
    backbone.load_state_dict({n.removeprefix("backbone."): t for n, t in translation.tensors.items()}, assign=True)
    trunk = model.visual.trunk
    pooled = trunk.head.norm(trunk.forward_features(images).mean(dim=(2, 3), keepdim=True)).flatten(1)
    assert relative_error(backbone(images)[0], pooled) < 1e-5
    trunk.load_state_dict(from_ours(translation.tensors, DIALECTS["timm"]).tensors)
