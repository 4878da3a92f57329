"""What only transformers can tell: its bare and its backbone class, its config, and its own loading of what we wrote.

Oracle: transformers 4.57.6. Not collected where it is not installed (``conftest.py``).
"""

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    ConvNextV2Backbone,
    ConvNextV2Config,
    ConvNextV2ForImageClassification,
    ConvNextV2Model,
    DINOv3ConvNextConfig,
    DINOv3ConvNextModel,
)

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import convert, load
from cnxv2_mm.checkpoints.dialects import DIALECTS, DINOV3
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from tests.checkpoints.peers import SMALL, build, build_ours, random_network, randomise
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


@pytest.mark.parametrize(
    "out_features", [None, ["stage2", "stage4"], ["stage1", "stage2", "stage3", "stage4"]], ids=str
)
def test_a_backbone_stays_a_backbone(out_features, tmp_path):
    config = ConvNextV2Config(hidden_sizes=list(SMALL.channels), depths=list(SMALL.depths), out_features=out_features)
    randomise(ConvNextV2Backbone(config)).save_pretrained(tmp_path)
    convert(tmp_path / "model.safetensors", tmp_path / "again.safetensors", "huggingface")
    first, again = load_file(tmp_path / "model.safetensors"), load_file(tmp_path / "again.safetensors")
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


@torch.no_grad()
def test_our_backbone_becomes_one_of_theirs_with_all_of_its_norms(tmp_path):
    ours = randomise(build_ours(SMALL))
    torch.save(ours.state_dict(), tmp_path / "ours.pth")
    convert(tmp_path / "ours.pth", tmp_path / "model.safetensors", "huggingface")
    config = ConvNextV2Config(
        hidden_sizes=list(SMALL.channels),
        depths=list(SMALL.depths),
        out_features=[f"stage{i}" for i in (1, 2, 3, 4)],
        architectures=["ConvNextV2Backbone"],
    )
    config.save_pretrained(tmp_path)
    theirs, info = ConvNextV2Backbone.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    images = photographs(2, size=(64, 96))
    for mine, their in zip(ours(images), theirs(images).feature_maps, strict=True):
        assert relative_error(mine, their) < TOLERANCE


@torch.no_grad()
def test_a_network_of_three_stages_is_loaded_with_its_norm_and_written_again(tmp_path):
    config = ConvNextV2Config(hidden_sizes=[8, 16, 24], depths=[1, 1, 2], num_stages=3, num_labels=10)
    model = randomise(ConvNextV2ForImageClassification(config))
    model.save_pretrained(tmp_path)
    arch = {"depths": SMALL.depths, "channels": SMALL.channels}
    backbone = ConvNeXtV2(arch, out_indices=(2,), gap_before_final_norm=True).eval()
    load(backbone, tmp_path / "model.safetensors")
    images = photographs(2, size=(64, 96))
    assert relative_error(backbone(images)[0], model.convnextv2(images).pooler_output) < TOLERANCE
    report = convert(tmp_path / "model.safetensors", tmp_path / "again.safetensors", "huggingface")
    assert load_file(tmp_path / "again.safetensors").keys() == model.state_dict().keys()
    assert report.missing == []


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"patch_size": 2}, "a stem of 2 x 2 pixels"),
        ({"num_stages": 5, "depths": [1] * 5, "hidden_sizes": [8] * 5}, "more than four stages"),
    ],
)
def test_other_architectures_of_their_config_are_named(options, difference):
    sizes = {"hidden_sizes": list(SMALL.channels), "depths": list(SMALL.depths)}
    model = randomise(ConvNextV2ForImageClassification(ConvNextV2Config(**sizes | options)))
    with pytest.raises(ValueError, match=rf"read as huggingface .* it is another architecture: {difference}; "):
        to_ours(model.state_dict()).check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act='relu', and this package has the exact GELU"),
        ({"layer_norm_eps": 1e-3}, "layer_norm_eps=0.001 of its last norm alone"),
    ],
)
def test_what_their_config_says_and_ours_cannot_do_is_refused(options, message, tmp_path):
    model = build("huggingface", SMALL)
    model.save_pretrained(tmp_path)
    backbone = ConvNeXtV2({"depths": SMALL.depths, "channels": SMALL.channels})
    load(backbone, tmp_path / "model.safetensors")
    model.config.update(options)
    model.config.save_pretrained(tmp_path)
    for act in (lambda path: load(backbone, path), lambda path: convert(path, tmp_path / "new.pth", "ours")):
        with pytest.raises(
            ValueError, match=rf"model\.safetensors': '.*config\.json' says {message}.*: choose another"
        ):
            act(tmp_path / "model.safetensors")
    assert not (tmp_path / "new.pth").exists()


def small_dinov3(**options):
    return DINOv3ConvNextConfig(hidden_sizes=list(SMALL.channels), depths=list(SMALL.depths), **options)


def test_transformers_loads_what_was_written_for_dinov3(tmp_path):
    small_dinov3(architectures=["DINOv3ConvNextModel"]).save_pretrained(tmp_path)
    network = random_network(v1=True)
    torch.save(network, tmp_path / "ours.pth")
    report = convert(tmp_path / "ours.pth", tmp_path / "model.safetensors", "dinov3")
    assert report.dropped == {"dinov3 checkpoints hold no classifier": ["head.fc.weight", "head.fc.bias"]}
    loaded, info = DINOv3ConvNextModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert torch.equal(loaded.stages[2].layers[1].gamma, network["backbone.stages.2.1.gamma"])


def test_the_names_of_transformers_5_are_read():
    """5.24.0 (models/dinov3_convnext): the stages stand under ``model.``, the norm of the whole model does not."""
    state = build("dinov3", SMALL, v1=True).state_dict()
    later = {n if n.startswith("layer_norm.") else f"model.{n}": t for n, t in state.items()}
    inside = {f"model.{n}": t for n, t in state.items()}  # a model of 4.57 that somebody calls model
    for tensors in (state, later, inside, {f"detector.{n}": t for n, t in later.items()}):
        translation = to_ours(tensors)
        translation.check()
        assert translation.dialect is DINOV3
        assert not translation.dropped
        assert len(translation.tensors) == len(state)
        assert translation.write(DINOV3).tensors.keys() == state.keys()
    backbone = {n: t for n, t in later.items() if not n.startswith("layer_norm.")}  # DINOv3ConvNextBackbone
    assert "backbone.norm3.weight" not in to_ours(backbone).tensors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_act": "relu"}, r"'.*config\.json' says hidden_act='relu', and this package"),
        (
            {"layer_norm_eps": 1e-12},
            "eps 1e-12, .*: load it as it is, into a backbone with norm_eps=1e-12",
        ),
    ],
)
def test_what_the_config_of_dinov3_says_and_ours_cannot_do_is_refused(options, message, tmp_path):
    """Its ``layer_norm_eps`` is that of every norm."""
    randomise(DINOv3ConvNextModel(small_dinov3())).save_pretrained(tmp_path)
    convert(tmp_path / "model.safetensors", tmp_path / "good.pth", "ours")
    small_dinov3(**options).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=rf"model\.safetensors'.*{message}"):
        convert(tmp_path / "model.safetensors", tmp_path / "new.pth", "ours")


def test_shards_that_transformers_wrote_are_read(tmp_path):
    model = build("dinov3", SMALL, v1=True)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    report = convert(tmp_path / "model.safetensors.index.json", tmp_path / "one.safetensors", "dinov3")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert report.dropped == {}
    one = load_file(tmp_path / "one.safetensors")
    assert one.keys() == model.state_dict().keys()
    assert all(torch.equal(one[name], tensor) for name, tensor in model.state_dict().items())
