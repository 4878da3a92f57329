"""An exported segmentor gives the classes, or the logits, that mmseg's own ``test_step`` gives."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

import cnxv2_mm  # noqa: F401  # registers the backbone
from cnxv2_mm.export.models.segmentor import Segmentor
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.program import record
from cnxv2_mm.export.whole_model import WholeModel
from tests.export.models.contract import check_targets

CHANNELS = [8, 16, 32, 64]
PHOTOGRAPH = torch.from_numpy(load_sample_image("china.jpg").copy())
BN = {"type": "BN"}
_INFO = {"img_shape": (96, 128)}
HEADS: dict[str, dict[str, Any]] = {
    "upernet": {"type": "UPerHead", "in_channels": CHANNELS, "in_index": [0, 1, 2, 3], "pool_scales": (1, 2, 3, 6)},
    "pspnet": {"type": "PSPHead", "in_channels": 64, "in_index": 3, "pool_scales": (1, 2, 3, 6)},
    "deeplabv3+": {
        "type": "DepthwiseSeparableASPPHead",
        "in_channels": 64,
        "in_index": 3,
        "dilations": (1, 12, 24, 36),
        "c1_in_channels": 8,
        "c1_channels": 8,
    },
    "deeplabv3": {"type": "ASPPHead", "in_channels": 64, "in_index": 3},
    "fcn": {"type": "FCNHead", "in_channels": 64, "in_index": 3, "num_convs": 2},
    "ocr": {"type": "OCRHead", "in_channels": 64, "in_index": 3, "ocr_channels": 16},
    "segformer": {"type": "SegformerHead", "in_channels": CHANNELS, "in_index": [0, 1, 2, 3]},
}


def head(name: str, **changes: Any) -> dict[str, Any]:
    return {"channels": 32, "num_classes": 19, "norm_cfg": BN, **HEADS[name], **changes}


def build(decode_head: Any, **arguments: Any) -> nn.Module:
    """Return a segmentor whose GRN does something, with batch norms that have seen images."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    arch = {"depths": (1, 1, 1, 1), "channels": tuple(CHANNELS)}
    statistics = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "bgr_to_rgb": True}
    preprocessor = {"type": "mmseg.SegDataPreProcessor", **statistics, **arguments.pop("data_preprocessor", {})}
    config = {
        "type": "mmseg.EncoderDecoder",
        "data_preprocessor": preprocessor,
        "backbone": {"type": "cnxv2_mm.ConvNeXtV2", "arch": arch, **arguments.pop("backbone", {})},
        "decode_head": decode_head,
        "test_cfg": {"mode": "whole"},
        **arguments,
    }
    model = MODELS.build(ConfigDict(config))
    for name, parameter in model.named_parameters():
        if ".grn." in name:
            nn.init.normal_(parameter, std=0.5)
        if "conv_seg.weight" in name:
            nn.init.normal_(parameter, std=0.2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train().encode_decode(Picture(model.data_preprocessor, reads_rgb=False)(pictures(4, 96, 128)), [_INFO])
    return model.eval()


def whole(model: nn.Module, *, fp16: bool = False, **options: Any) -> WholeModel:
    return WholeModel(Picture(model.data_preprocessor, reads_rgb=False), Segmentor(model, **options), fp16=fp16)


def pictures(number: int, height: int, width: int) -> Tensor:
    return torch.stack([PHOTOGRAPH[80 * i : 80 * i + height, 90 * i : 90 * i + width] for i in range(number)])


def check_recorded(model: WholeModel, example: Tensor, *others: Tensor, dynamic: bool = False) -> None:
    """Compare the recorded program with mmseg."""
    program = record(model, example, dynamic=dynamic).module()
    for picture in (example, *others):
        for found, expected in zip(program(picture), model.reference(picture), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_upernet_of_pictures_of_any_size(tmp_path: Path) -> None:
    model = whole(build(head("upernet"), auxiliary_head=head("fcn", in_index=2, in_channels=32)))
    assert len(model.reference(pictures(1, 96, 128))[0].unique()) > 3
    assert [(output.name, output.axes) for output in model.model.outputs] == [
        ("label_map", ("images", "height", "width"))
    ]
    check_targets(model, [pictures(2, 96, 128), pictures(1, 101, 143)], tmp_path, dynamic=True)


@torch.no_grad()
def test_pspnet_of_pictures_of_any_size(tmp_path: Path) -> None:
    model = whole(build(head("pspnet"), backbone={"output_stride": 8}), logits=True)
    assert [(output.name, output.axes) for output in model.model.outputs] == [
        ("logits", ("images", 19, "height", "width"))
    ]
    check_targets(model, [pictures(2, 96, 128), pictures(1, 100, 143)], tmp_path, dynamic=True)


@torch.no_grad()
def test_pspnet_in_half_precision(tmp_path: Path) -> None:
    model = whole(build(head("pspnet"), backbone={"output_stride": 8}), logits=True, fp16=True)
    check_targets(model, [pictures(1, 96, 128)], tmp_path, dynamic=False)


@torch.no_grad()
def test_deeplabv3plus_with_aligned_corners_of_one_size(tmp_path: Path) -> None:
    decode_head = head("deeplabv3+", align_corners=True)
    model = whole(build(decode_head, backbone={"output_stride": 16}), logits=True)
    check_targets(model, [pictures(1, 96, 128)], tmp_path, dynamic=False)
    with pytest.raises(ValueError, match=r"DepthwiseSeparableASPPHead has align_corners=True.*--size HEIGHT WIDTH"):
        record(model, pictures(1, 96, 128), dynamic=True)


@torch.no_grad()
@pytest.mark.parametrize("name", ["deeplabv3+", "deeplabv3", "fcn", "segformer"])
def test_other_heads_of_pictures_of_any_size(name: str) -> None:
    check_recorded(whole(build(head(name)), logits=True), pictures(2, 96, 128), pictures(1, 143, 101), dynamic=True)


@torch.no_grad()
def test_a_cascade_and_a_neck() -> None:
    cascade = build(
        [head("fcn", in_channels=16), head("ocr", in_channels=16)],
        type="mmseg.CascadeEncoderDecoder",
        num_stages=2,
        neck={"type": "FPN", "in_channels": CHANNELS, "out_channels": 16, "num_outs": 4},
    )
    check_recorded(whole(cascade, logits=True), pictures(1, 96, 128))


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 64), (48, 64), (96, 128), (70, 131)])
def test_sliding_windows(size: tuple[int, int]) -> None:
    slide = {"mode": "slide", "crop_size": (64, 64), "stride": (40, 44)}
    model = build(head("fcn"), test_cfg=slide)
    check_recorded(whole(model, logits=True), pictures(1, *size))
    check_recorded(whole(model), pictures(2, *size))


def test_sliding_windows_over_pictures_of_any_size_are_refused() -> None:
    model = build(head("fcn"), test_cfg={"mode": "slide", "crop_size": (64, 80), "stride": (40, 40)})
    message = r"^this segmentor slides a window of 64 x 80 .*; export it for one size: --size HEIGHT WIDTH$"
    with pytest.raises(ValueError, match=message):
        record(whole(model), pictures(1, 96, 128), dynamic=True)


@torch.no_grad()
@pytest.mark.parametrize("logits", [False, True])
def test_one_class(logits: bool) -> None:
    model = build(head("fcn", num_classes=2, out_channels=1, threshold=0.45, loss_decode=[]))
    exported = whole(model, logits=logits)
    expected = exported.reference(pictures(1, 96, 128))[0]
    assert expected.shape == ((1, 1, 96, 128) if logits else (1, 96, 128))
    if not logits:
        assert 0.05 < expected.float().mean() < 0.95
        assert exported.model.outputs[0].meaning == "1 where the confidence is above 0.45, else 0"
    check_recorded(exported, pictures(1, 96, 128))


@torch.no_grad()
def test_pictures_are_filled_up_as_mmseg_does() -> None:
    preprocessor = {"test_cfg": {"size_divisor": 32}, "size_divisor": 64, "pad_val": 1}
    model = build(head("upernet"), data_preprocessor=preprocessor)
    check_recorded(whole(model, logits=True), pictures(2, 101, 143), pictures(1, 97, 130), dynamic=True)


@torch.no_grad()
def test_pictures_are_filled_up_to_one_size_as_mmseg_does() -> None:
    """Larger ones would be another program: a file for any size is refused."""
    exported = whole(build(head("upernet"), data_preprocessor={"test_cfg": {"size": (128, 160)}, "pad_val": 1}))
    check_recorded(exported, pictures(1, 101, 143))
    with pytest.raises(ValueError, match=r"cannot be exported with --dynamic"):
        record(exported, pictures(1, 101, 143), dynamic=True)


def test_the_users_model_stays_as_it_is() -> None:
    model = build(head("upernet"), auxiliary_head=head("fcn", in_index=2, in_channels=32))
    before = [name for name, _ in model.named_modules()]
    exported = Segmentor(model)
    assert [name for name, _ in model.named_modules()] == before
    assert not any("auxiliary" in name for name, _ in exported.named_parameters())


def test_refused() -> None:
    class Own(type(build(head("fcn")))):  # type: ignore[misc]
        """May change any step."""

    model = build(head("fcn"))
    model.__class__ = Own
    with pytest.raises(ValueError, match="Own cannot be exported as a segmentor: only EncoderDecoder and Cascade"):
        Segmentor(model)
