"""What only transformers can tell: its bare and its backbone class, and its own loading of what we wrote.

Oracle: transformers 4.57.6. Not collected where it is not installed (``conftest.py``).
"""

import torch
from transformers import ConvNextV2Backbone, ConvNextV2Config, ConvNextV2ForImageClassification, ConvNextV2Model

from cnxv2_mm.checkpoints import convert
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from tests.checkpoints.peers import SMALL, build, build_ours
from tests.conftest import photographs, relative_error

TOLERANCE = 1e-5


@torch.no_grad()
def test_the_bare_network_of_hugging_face_computes_the_same():
    classifier = build("huggingface", SMALL)
    config = ConvNextV2Config(hidden_sizes=list(SMALL.channels), depths=list(SMALL.depths))
    model = ConvNextV2Model(config).eval()
    model.load_state_dict(classifier.convnextv2.state_dict())
    translation = to_ours(model.state_dict())
    images = photographs(2, size=(64, 96))
    backbone = build_ours(SMALL, out_indices=(3,), gap_before_final_norm=True)
    backbone.load_state_dict({n.removeprefix("backbone."): t for n, t in translation.tensors.items()}, assign=True)
    assert relative_error(backbone(images)[0], model(images).pooler_output) < TOLERANCE
    back = from_ours(translation.tensors, DIALECTS["huggingface"]).tensors
    model.load_state_dict(back)
    assert set(back) == set(model.state_dict())


@torch.no_grad()
def test_the_norms_of_a_hugging_face_backbone_are_our_output_norms():
    config = ConvNextV2Config(
        hidden_sizes=list(SMALL.channels), depths=list(SMALL.depths), out_features=["stage1", "stage3", "stage4"]
    )
    model = ConvNextV2Backbone(config).eval()
    for parameter in model.parameters():
        parameter.uniform_(-0.3, 0.3)
    images = photographs(2, size=(64, 96))
    backbone = build_ours(SMALL, out_indices=(0, 2, 3))
    tensors = to_ours(model.state_dict()).tensors
    backbone.load_state_dict({n.removeprefix("backbone."): t for n, t in tensors.items()}, assign=True)
    for ours, theirs in zip(backbone(images), model(images).feature_maps, strict=True):
        assert relative_error(ours, theirs) < TOLERANCE


def test_transformers_loads_what_was_written(tmp_path):
    model = build("huggingface", "atto")
    model.config.save_pretrained(tmp_path)
    source = build("timm", "atto")
    torch.save(source.state_dict(), tmp_path / "timm.pth")
    convert(tmp_path / "timm.pth", tmp_path / "model.safetensors", "huggingface")
    loaded, info = ConvNextV2ForImageClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert torch.equal(loaded.classifier.weight, source.head.fc.weight)
