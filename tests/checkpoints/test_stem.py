"""A stem for other than three channels, made from one for three: as timm does it, and only where it is asked for.

Oracle: timm 1.0.31, the function alone and a whole network that timm adapts.
"""

import logging

import pytest
import timm
import torch
from mmengine.logging import MMLogger
from timm.models._manipulate import adapt_input_conv

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import DIALECTS, load
from cnxv2_mm.checkpoints.stem import inflate
from tests.checkpoints.peers import SMALL, in_dialect, random_network
from tests.conftest import photographs, relative_error

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}
V1 = {"use_grn": False, "layer_scale_init_value": 1e-6}


@pytest.fixture
def path(tmp_path):
    torch.save(in_dialect(random_network(), "official"), tmp_path / "file.pth")
    return str(tmp_path / "file.pth")


def build(path, in_channels, stem="inflate"):
    init_cfg = {"type": "cnxv2_mm.Pretrained", "checkpoint": path, "stem": stem}
    backbone = ConvNeXtV2(ARCH, in_channels=in_channels, out_indices=(3,), init_cfg=init_cfg).eval()
    backbone.init_weights()
    return backbone


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("in_channels", [1, 2, 4, 5, 6, 7, 9, 13])
def test_it_is_what_timm_makes(in_channels, dtype):
    weight = torch.randn(8, 3, 4, 4, dtype=dtype)
    before = weight.clone()
    ours, theirs = inflate(weight, in_channels), adapt_input_conv(in_channels, before.clone())
    assert ours.shape == (8, in_channels, 4, 4)
    assert ours.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    # timm adapts in float32, and rounds to the type of the file.
    torch.testing.assert_close(ours.to(dtype), theirs, rtol=1e-5 if dtype == torch.float64 else 0, atol=1e-6)
    assert torch.equal(weight, before)


@torch.no_grad()
@pytest.mark.parametrize("in_channels", [1, 4, 6])
def test_a_network_that_timm_adapts_computes_the_same(in_channels, tmp_path):
    torch.save(in_dialect(random_network(), "timm"), tmp_path / "timm.pth")
    sizes = {"depths": SMALL.depths, "dims": SMALL.channels, "num_classes": 10}
    overlay = {"file": str(tmp_path / "timm.pth"), "num_classes": 10}
    theirs = timm.create_model(
        "convnextv2_tiny", pretrained=True, pretrained_cfg_overlay=overlay, in_chans=in_channels, **sizes
    ).eval()
    ours = build(str(tmp_path / "timm.pth"), in_channels)
    ours.norm3 = torch.nn.Identity()
    images = photographs(2, in_channels, size=(64, 96))
    assert relative_error(ours(images)[0], theirs.forward_features(images)) < 1e-5


@torch.no_grad()
def test_a_grey_image_gives_what_three_equal_channels_gave(path):
    grey = photographs(2, 1)
    (three,) = build(path, 3, stem=None)(grey.expand(-1, 3, -1, -1))
    assert relative_error(build(path, 1)(grey)[0], three) < 1e-5
    assert relative_error(build(path, 6)(grey.expand(-1, 6, -1, -1))[0], three) < 1e-5


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_can_be_inflated(dialect, tmp_path):
    v1 = dialect != "official-sparse"
    network = random_network(v1=v1)
    torch.save(in_dialect(network, dialect), tmp_path / "file.pth")
    backbone = ConvNeXtV2(ARCH, in_channels=5, use_grn=not v1, layer_scale_init_value=1e-6 if v1 else 0.0)
    load(backbone, tmp_path / "file.pth", stem="inflate")
    name = "backbone.downsample_layers.0.0.weight"
    torch.testing.assert_close(backbone.downsample_layers[0][0].weight.data, adapt_input_conv(5, network[name]))
    assert torch.equal(backbone.stages[0][0].dwconv.weight, network["backbone.stages.0.0.dwconv.weight"])


@pytest.mark.parametrize("in_channels", [1, 4])
def test_without_being_asked_nothing_is_inflated(path, in_channels):
    with pytest.raises(
        ValueError,
        match=rf"\(downsample_layers\.0\.0\.weight \(8, 3, 4, 4\) instead of \(8, {in_channels}, 4, 4\)\); .*"
        rf"; to spread the stem's three channels over {in_channels} on purpose, set stem='inflate' of cnxv2_mm\.Pret",
    ):
        build(path, in_channels, stem=None)


@pytest.mark.parametrize(("here", "there"), [(3, 3), (4, 4), (3, 4), (5, 4), (1, 1), (3, 1)])
def test_where_there_is_nothing_to_inflate_it_is_refused(here, there, tmp_path):
    file = ConvNeXtV2(ARCH, in_channels=there)
    torch.save(file.state_dict(), tmp_path / "file.pth")
    with pytest.raises(ValueError, match=f"from one for 3; here the model has {here} and the file {there}: ") as caught:
        build(str(tmp_path / "file.pth"), here)
    assert str(caught.value).endswith("leave stem out" if here == there else "choose a file with 3")
    if here != there:
        with pytest.raises(ValueError, match="does not fit") as caught:
            build(str(tmp_path / "file.pth"), here, stem=None)
        assert "inflate" not in str(caught.value)


def test_no_other_difference_is_let_through(path):
    backbone = ConvNeXtV2(ARCH, in_channels=4, use_grn=False)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    with pytest.raises(ValueError, match=r"unknown to the backbone \(stages\.0\.0\.grn"):
        load(backbone, path, stem="inflate")
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())


def test_another_word_is_refused(path):
    with pytest.raises(ValueError, match="stem='inflated' must be 'inflate' or None"):
        build(path, 4, stem="inflated")


def test_sums_beyond_float16_are_refused_and_not_infinite(tmp_path):
    network = {name: tensor.half() for name, tensor in random_network().items()}
    network["backbone.downsample_layers.0.0.weight"].fill_(40000)
    torch.save(network, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=r"beyond the range of torch\.float16, .* in downsample_layers\.0\.0\.weight"):
        load(ConvNeXtV2(ARCH, in_channels=1).half(), tmp_path / "file.pth", stem="inflate")
    backbone = ConvNeXtV2(ARCH, in_channels=1)
    load(backbone, tmp_path / "file.pth", stem="inflate")
    assert (backbone.downsample_layers[0][0].weight == 120000).all()


def test_the_log_says_it(path, caplog):
    logger = MMLogger.get_instance("stem", logger_name="stem", log_level=logging.INFO)
    logger.addHandler(caplog.handler)
    build(path, 4)
    assert "\n  inflated, by stem='inflate': downsample_layers.0.0.weight, from 3 input channels to 4\n" in caplog.text
    caplog.clear()
    build(path, 3, stem=None)
    assert "inflate" not in caplog.text
