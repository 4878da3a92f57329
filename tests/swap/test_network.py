"""What weights say of the network that they are for, and what contradicts them."""

import pytest
import timm
import torch
from timm.models import save_for_hf

from cnxv2_mm import ConvNeXtV2, zoo
from cnxv2_mm.swap.image_statistics import CLIP, IMAGENET
from cnxv2_mm.swap.network import find_network
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.variants import VARIANTS
from tests.swap.files import save, save_backbone

V1 = {"use_grn": False, "layer_scale_init_value": 1e-6}
SMALL = {"depths": [1, 1, 2, 1], "channels": [8, 16, 24, 32]}
OTHER_BACKBONES = [
    {},
    V1,
    {"use_grn": False},
    {"layer_scale_init_value": 1e-6},
    {"grn": "bn"},
    {"grn": "se"},
    {"in_channels": 5},
]


@pytest.mark.parametrize("arguments", OTHER_BACKBONES)
def test_a_backbone_is_read_off_its_file(tmp_path, arguments):
    """The network that is built by what the file says takes all of its tensors."""
    backbone, file = save_backbone(tmp_path / "mine.pth", SMALL, **arguments)
    network = find_network(None, file)
    assert network.arguments == {"arch": SMALL, **{key: arguments[key] for key in arguments if key != "in_channels"}}
    assert network.in_channels == arguments.get("in_channels", 3)
    rebuilt = ConvNeXtV2(in_channels=network.in_channels, **network.arguments)
    rebuilt.load_state_dict(backbone.state_dict(), strict=True)
    assert any("ImageNet's" in note for note in network.notes) == (network.in_channels == 3)


@pytest.mark.parametrize(("name", "generation"), [("convnextv2_pico", "V2"), ("convnext_femto", "V1")])
def test_the_sizes_of_timms_networks(tmp_path, name, generation):
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False, num_classes=0)
    zeros = {key: torch.zeros(tensor.shape) for key, tensor in model.state_dict().items()}
    network = find_network(None, save(zeros, tmp_path / "model.pth"))
    arch = name.partition("_")[2]
    assert network.arguments == {"arch": arch, **(V1 if generation == "V1" else {})}
    assert network.variant is VARIANTS[arch]
    assert f"ConvNeXt {generation}, arch='{arch}'" in network.notes[0]
    assert "names of timm" in network.notes[0]


def test_a_tower_of_clip_has_clips_images(tmp_path):
    model = timm.create_model(
        "convnext_tiny", pretrained=False, num_classes=0, depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)
    )
    file = save({f"visual.trunk.{name}": tensor for name, tensor in model.state_dict().items()}, tmp_path / "clip.pt")
    network = find_network(None, file)
    assert network.images == CLIP
    assert "CLIP's, because" in network.notes[1]


def test_what_only_the_config_beside_a_file_says(tmp_path):
    options = {"depths": SMALL["depths"], "dims": SMALL["channels"], "norm_eps": 1e-5}
    model = timm.create_model("convnext_tiny", pretrained=False, num_classes=0, **options)
    save_for_hf(model, tmp_path, model_args=options, safe_serialization=True)
    network = find_network(None, str(tmp_path / "model.safetensors"))
    assert network.arguments == {"arch": SMALL, "norm_eps": 1e-5, **V1}
    assert "as config.json beside the file says" in network.notes[1]


@pytest.mark.parametrize(
    ("name", "arguments", "images", "licence"),
    [
        ("convnextv2_base_in1k", {"arch": "base"}, IMAGENET, "CC-BY-NC 4.0: no commercial use"),
        ("timm:convnextv2_base_in1k", {"arch": "base"}, IMAGENET, "CC-BY-NC 4.0: no commercial use"),
        ("convnext_tiny.dinov3_lvd1689m", {"arch": "tiny", **V1}, IMAGENET, "DINOv3 License: a licence of its own"),
        ("convnext_base.clip_laion2b", {"arch": "base", **V1}, CLIP, "Apache-2.0: commercial use is allowed"),
        (
            "convnext_xxlarge.clip_laion2b_soup",
            {"arch": {"depths": (3, 4, 30, 3), "channels": (384, 768, 1536, 3072)}, "norm_eps": 1e-5, **V1},
            CLIP,
            "commercial use is allowed",
        ),
    ],
)
def test_a_name_of_the_zoo(name, arguments, images, licence):
    network = find_network(None, name)
    assert (network.arguments, network.images, network.in_channels) == (arguments, images, 3)
    assert licence in network.notes[1]
    assert find_network(arguments["arch"], name) == network


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (zoo.WEIGHTS["convnextv2_base_in1k"].files["timm"].address, "convnextv2_base_in1k"),
        (zoo.WEIGHTS["convnextv2_base_in1k"].files["mmpretrain"].mirror, "convnextv2_base_in1k"),
        ("hf://timm/convnext_tiny.dinov3_lvd1689m", "convnext_tiny.dinov3_lvd1689m"),
        ("hf://facebook/convnextv2-base-1k-224", "convnextv2_base_in1k"),
        ("torchvision://convnext_tiny", "convnext_tiny.tv_in1k"),
        ("torchvision://convnext_base.IMAGENET1K_V1", "convnext_base.tv_in1k"),
    ],
)
def test_an_address_of_the_zoo(address, name):
    assert find_network(None, address) == find_network(None, name)


def test_torchvisions_models_have_one_weight_each():
    from torchvision import models

    tables = [models.get_model_weights(name) for name in models.list_models(models, include="convnext_*")]
    assert len(tables) == 4
    assert all([weights.name for weights in table] == ["IMAGENET1K_V1"] for table in tables)


def test_another_address_has_to_be_described():
    with pytest.raises(ValueError, match="cannot be looked at before the download: give its size"):
        find_network(None, "s3://bucket/epoch_100.pth")
    network = find_network("atto", "s3://bucket/epoch_100.pth")
    assert (network.arguments, network.in_channels) == ({"arch": "atto"}, None)
    assert "could not be looked at" in network.notes[0]


def test_a_file_that_was_downloaded_by_hand_is_known_by_its_name(tmp_path):
    published = zoo.WEIGHTS["convnextv2_atto_in1k"].files["timm"].name
    _, file = save_backbone(tmp_path / published)
    _, licence, images = find_network(None, file).notes
    assert licence == "weights: the licence of convnextv2_atto_in1k is CC-BY-NC 4.0: no commercial use"
    assert "the name of the zoo's convnextv2_atto_in1k" in images


@pytest.mark.parametrize(("checkpoint", "in_channels"), [(None, 3), ("none", None)])
def test_without_weights_the_size_decides(checkpoint, in_channels):
    assert find_network(None, checkpoint).arguments == {"arch": "tiny"}
    network = find_network("small", checkpoint)
    assert (network.arguments, network.in_channels) == ({"arch": "small"}, in_channels)


@pytest.mark.parametrize(
    ("arch", "checkpoint", "message"),
    [
        ("tiny", "convnextv2_base_in1k", "arch='tiny' contradicts .*, which is for arch='base': leave arch out"),
        ("big", "convnextv2_base_in1k", "arch='big' is unknown"),
        (None, "convnextv2_tiny_fcme", "did you mean convnextv2_tiny_fcmae"),
        (None, "convnext2_tiny_fcmae", "no name of the zoo; did you mean convnextv2_tiny_fcmae"),
        (None, "huggingface:convnextv2_tiny_fcmae", "huggingface has no convnextv2_tiny_fcmae"),
        (None, "nope", "'nope' is no file here, no address"),
        (None, "my/epoch_100.pth", "'my/epoch_100.pth' is no file here"),
        (None, ".", "is no file here"),
    ],
)
def test_names_that_are_wrong(arch, checkpoint, message):
    with pytest.raises(ValueError, match=message):
        find_network(arch, checkpoint)


def test_files_that_are_wrong(tmp_path):
    backbone, file = save_backbone(tmp_path / "mine.pth", "atto")
    with pytest.raises(ValueError, match=r"arch='tiny' contradicts .*mine\.pth'.* for arch='atto'"):
        find_network("tiny", file)
    tensors = backbone.state_dict()
    tensors["stages.0.0.pwconv1.bias"][3] = torch.nan
    with pytest.raises(ValueError, match="1 with NaN or infinite numbers"):
        find_network(None, save(tensors, tmp_path / "nan.pth"))
    with pytest.raises(ValueError, match="holds no ConvNeXt"):
        find_network(None, save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth"))
    (tmp_path / "empty.pth").touch()
    with pytest.raises(ValueError, match="is empty"):
        find_network(None, str(tmp_path / "empty.pth"))


def test_a_file_with_two_networks_needs_the_converter(tmp_path):
    backbone, _ = save_backbone(tmp_path / "one.pth", SMALL)
    both = {f"{who}.{name}": tensor for who in ("student", "teacher") for name, tensor in backbone.state_dict().items()}
    with pytest.raises(SwapRefused, match=r"holds 2 networks.*By hand: tools/convert_checkpoint\.py") as caught:
        find_network(None, save(both, tmp_path / "both.pth"))
    assert caught.value.kind == "weights"


def test_a_file_without_its_last_stages(tmp_path):
    """As a detector has it that reads no deeper map. Two stages of tiny are two of small too."""
    _, file = save_backbone(tmp_path / "tiny.pth", "tiny", out_indices=(1,))
    network = find_network(None, file)
    assert (network.arguments["arch"], network.num_stages) == ("tiny", 2)
    assert find_network("small", file).arguments["arch"] == "small"
    network.check(in_channels=3, last_stage=1)
    with pytest.raises(SwapRefused, match="have 2 of the 4 stages, and the new backbone needs 3"):
        network.check(in_channels=3, last_stage=2)
    _, odd = save_backbone(tmp_path / "odd.pth", SMALL, out_indices=(1,))
    assert find_network(SMALL, odd).arguments["arch"] == SMALL
    with pytest.raises(SwapRefused, match=r"no known size begins with depths \(1, 1\)"):
        find_network(None, odd)


def test_images_of_other_channels_are_refused():
    for checkpoint in (None, "convnextv2_tiny_in1k"):
        with pytest.raises(SwapRefused, match="8 channels and the weights are for 3") as caught:
            find_network(None, checkpoint).check(in_channels=8, last_stage=3)
        assert caught.value.kind == "other channels"
        assert 'stem="inflate"' in caught.value.by_hand
    find_network(None, "none").check(in_channels=8, last_stage=3)


def test_meta_s_own_repository_of_dinov3_is_the_zoo_s_row():
    network = find_network(None, "hf://facebook/dinov3-convnext-tiny-pretrain-lvd1689m")
    assert network.arguments == {"arch": "tiny", "use_grn": False, "layer_scale_init_value": 1e-6}
