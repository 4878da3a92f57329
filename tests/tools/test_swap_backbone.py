"""The command that writes a swapped config."""

import io

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm import command_line
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap import swap_backbone
from tests.swap.files import DINOV3_TINY, dinov3_of_timm, save, save_backbone
from tests.swap.published import without_scopes
from tests.tools.conftest import load_tool

RETINANET = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
DINO = "mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py"


@pytest.fixture
def main():
    return load_tool("swap_backbone").main


def test_the_new_config_and_its_reasons(main, tmp_path, capsys):
    file = tmp_path / "new" / "mine.py"
    options = ["--arch", "atto", "--weights", "none", "--optimizer", "keep", "--print-diff"]
    assert main([RETINANET, "-o", str(file), *options]) == 0
    expected = swap_backbone(RETINANET, "atto", checkpoint="none", optimizer="keep")
    assert without_scopes(load_config(str(file)).to_dict()) == without_scopes(expected.to_dict())
    lines = file.read_text().splitlines()
    assert lines[0] == f"# - Written by tools/swap_backbone.py from {RETINANET}."
    assert lines[1].startswith("# - backbone: cnxv2_mm.ConvNeXtV2 replaces ResNet")
    header = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
    # mmdet's schedule_1x.py and its 8 GPUs of two images.
    assert "for 16 images per step" in header
    assert "the warm-up takes 500 steps of 12 epochs" in header
    assert "--auto-scale-lr" in header
    assert len(lines) < 20
    out = capsys.readouterr().out
    assert "256, 512, 1024, 2048" in out
    assert "[80, 160, 320]" in out  # the neck leaves out the first map, so that the backbone does not make it
    assert "mine.py" in out.replace("\n", "")


def test_a_narrow_window_cuts_nothing_off():
    old, new = (
        Config({"model": {"checkpoint": f"{name}-{'0123456789' * 8}", "in_channels": [1, 2], "tag": "[bold]"}})
        for name in ("old", "new")
    )
    new.model.tag = "[/]"
    text = io.StringIO()
    load_tool("swap_backbone").print_differences(old, new, command_line.console(file=text, width=50))
    columns = zip(*(line.split("│")[1:-1] for line in text.getvalue().splitlines() if "│" in line), strict=True)
    keys, olds, news = ("".join(cell.strip() for cell in column) for column in columns)
    assert "model.checkpoint" in keys
    assert old.model.checkpoint in olds
    assert "[bold]" in olds
    assert new.model.checkpoint in news
    assert "[/]" in news


def test_a_file_of_ones_own_is_swapped_again(main, tmp_path):
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    old.write_text(f'_base_ = ["{RETINANET}"]\nmodel = dict(bbox_head=dict(num_classes=3))\n')
    assert main([str(old), "--weights", "none", "-o", str(new)]) == 0
    assert '_base_ = ["old.py"]' in new.read_text()
    config = load_config(str(new))
    assert config.model.bbox_head.num_classes == 3
    assert config.model.neck.in_channels == [192, 384, 768]


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ("mmdet::faster_rcnn/faster-rcnn_r50-caffe-c4_ms-1x_coco.py", [], "By hand:"),
        ("mmdet::no/such.py", [], "does not exist"),
        (RETINANET, ["--arch", "small"], "no weights of V2 are published"),
        (RETINANET, ["--weights", "nope"], "no name of the zoo"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(main, tmp_path, capsys, config, options, message):
    file = tmp_path / "new.py"
    assert main([config, "-o", str(file), *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Not swapped: ")
    assert message in error
    assert not file.exists()


@pytest.fixture(scope="module")
def dinov3(tmp_path_factory):
    """timm's network of DINOv3 with random numbers, and its file."""
    model = dinov3_of_timm()
    return model, save(model.state_dict(), tmp_path_factory.mktemp("weights") / "dinov3.pth")


@pytest.mark.parametrize("by_name", [False, True])
def test_dino_with_the_weights_of_dinov3(main, dinov3, tmp_path, by_name):
    """The config follows from the weights: V1, without a word about it. The whole detector builds."""
    file, weights = tmp_path / "dino.py", DINOV3_TINY if by_name else dinov3[1]
    assert main([DINO, "--weights", weights, "-o", str(file)]) == 0
    config = load_config(str(file))
    assert config.model.backbone == {
        "type": "cnxv2_mm.ConvNeXtV2",
        "arch": "tiny",
        "use_grn": False,
        "layer_scale_init_value": 1e-6,
        "out_indices": (1, 2, 3),
        "drop_path_rate": 0.1,
        "init_cfg": {"type": "cnxv2_mm.Pretrained", "checkpoint": weights},
    }
    header = " ".join(line.lstrip("# ") for line in file.read_text().splitlines() if line.startswith("#"))
    assert "ConvNeXt V1, arch='tiny'" in header
    assert ("the licence of convnext_tiny.dinov3_lvd1689m is DINOv3 License" in header) == by_name
    init_default_scope("mmdet")
    with torch.device("meta"):
        assert MODELS.build(config.model).backbone.out_strides == (8, 16, 32)


def test_the_backbone_of_that_config_computes_what_timms_does(main, dinov3, tmp_path):
    model, weights = dinov3
    file = tmp_path / "dino.py"
    assert main([DINO, "--weights", weights, "--freeze", "-o", str(file)]) == 0
    backbone = MODELS.build(load_config(str(file)).model.backbone)
    backbone.init_weights()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model.head.norm(model.forward_features(images))
        assert torch.allclose(backbone(images)[-1], expected, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_weights_that_contradict_the_size_or_are_broken_write_nothing(main, tmp_path, capsys):
    backbone, mine = save_backbone(tmp_path / "mine.pth", "atto")
    tensors = backbone.state_dict()
    tensors["norm3.bias"][0] = torch.nan
    broken, file = save(tensors, tmp_path / "nan.pth"), tmp_path / "new.py"
    for options, message in (
        (["--arch", "tiny", "--weights", mine], "arch='tiny' contradicts"),
        (["--arch", "base", "--weights", DINOV3_TINY], "which is for arch='tiny'"),
        (["--weights", broken], "with NaN or infinite numbers (backbone.norm3.bias)"),
        (["--weights", "none", "--freeze"], "freeze=True keeps the weights"),
    ):
        assert main([RETINANET, *options, "-o", str(file)]) == 1
        error = capsys.readouterr().err
        assert error.startswith("Not swapped: ")
        assert error.count("\n") == 1
        assert message in error
        assert not file.exists()


def test_an_existing_file_is_replaced_only_if_asked(main, tmp_path, capsys):
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    old.write_text(f'_base_ = ["{RETINANET}"]\n')
    new.write_text("mine = 1\n")
    options = [str(old), "--arch", "atto", "--weights", "none", "-o"]
    assert main([*options, str(new)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert new.read_text() == "mine = 1\n"
    assert main([*options, str(new), "--overwrite"]) == 0
    assert load_config(str(new)).model.backbone.arch == "atto"
    assert main([*options, str(old), "--overwrite"]) == 1
    assert "would inherit from itself" in capsys.readouterr().err
    assert old.read_text() == f'_base_ = ["{RETINANET}"]\n'
