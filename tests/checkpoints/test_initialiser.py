"""``type='cnxv2_mm.Pretrained'`` in configs: on a backbone, on a whole model, and in mmengine's own spelling."""

import logging

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.model import PretrainedInit
from mmengine.registry import MODELS, WEIGHT_INITIALIZERS, DefaultScope

from cnxv2_mm import ConvNeXtV2, Pretrained
from cnxv2_mm.config.load import load_config
from tests.checkpoints.peers import SMALL, build_mmpretrain, in_dialect, random_network

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


@pytest.fixture
def official(tmp_path):
    network = random_network()
    path = tmp_path / "official.pt"
    torch.save({"model": in_dialect(network, "official")}, path)
    return str(path), network


@pytest.fixture
def said(caplog, request):
    """What the loader says."""
    name = request.node.name  # the current logger is the one that was made last
    MMLogger.get_instance(name, logger_name=name, log_level=logging.INFO).addHandler(caplog.handler)
    return lambda: caplog.text


def assert_loaded(backbone, network):
    for name, tensor in backbone.state_dict().items():
        if not name.startswith(("norm0", "norm1", "norm2")):
            assert torch.equal(tensor, network[f"backbone.{name}"]), name


@pytest.mark.parametrize("kind", ["Pretrained", "cnxv2_mm.Pretrained", PretrainedInit])
@pytest.mark.parametrize("options", [{}, {"prefix": "backbone."}, {"map_location": "cpu"}], ids=str)
def test_a_backbone_starts_from_its_config(official, kind, options):
    path, network = official
    backbone = ConvNeXtV2(ARCH, init_cfg={"type": kind, "checkpoint": path, **options})
    backbone.init_weights()
    assert_loaded(backbone, network)


def test_a_list_ends_with_the_weights_wherever_they_stand(official):
    path, network = official
    constant = {"type": "Constant", "layer": "Linear", "val": 0.5}
    backbone = ConvNeXtV2(ARCH, init_cfg=[{"type": "Pretrained", "checkpoint": path}, constant])
    backbone.init_weights()
    assert_loaded(backbone, network)


def test_other_initialisations_are_mmengine_s_own():
    backbone = ConvNeXtV2(ARCH, init_cfg={"type": "Constant", "layer": "Linear", "val": 0.5, "bias": 0.25})
    backbone.init_weights()
    assert (backbone.stages[0][0].pwconv1.weight == 0.5).all()


def test_a_misspelt_prefix_stops_the_run(official):
    backbone = ConvNeXtV2(ARCH, init_cfg={"type": "Pretrained", "checkpoint": official[0], "prefix": "bakbone."})
    with pytest.raises(ValueError, match=r"official\.pt': no tensor of it begins with prefix='bakbone\.'; its names"):
        backbone.init_weights()


def test_a_whole_classifier_keeps_what_it_loaded(official):
    """mmengine initialises a model's children after the model: the head's own rule must not undo the loading."""
    path, network = official
    model = build_mmpretrain(SMALL, backbone="cnxv2_mm.ConvNeXtV2")
    model.init_cfg = {"type": "cnxv2_mm.Pretrained", "checkpoint": path}
    model.init_weights()
    assert_loaded(model.backbone, network)
    assert torch.equal(model.head.fc.weight, network["head.fc.weight"])
    assert torch.equal(model.head.fc.bias, network["head.fc.bias"])


def test_a_head_that_does_not_fit_gets_its_own_initialisation(tmp_path):
    network = random_network(classes=7)
    torch.save(in_dialect(network, "timm"), tmp_path / "timm.pth")
    model = build_mmpretrain(SMALL, backbone="cnxv2_mm.ConvNeXtV2")
    model.init_cfg = {"type": "cnxv2_mm.Pretrained", "checkpoint": str(tmp_path / "timm.pth")}
    model.init_weights()
    assert_loaded(model.backbone, network)
    # Oracle: mmpretrain's LinearClsHead draws its weights with std 0.01
    assert model.head.fc.weight.std().item() == pytest.approx(0.01, rel=0.2)


def test_a_pre_trainer_starts_from_a_config(official):
    path, network = official
    init_cfg = {"type": "cnxv2_mm.Pretrained", "checkpoint": path}
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}
    model = MODELS.build({"type": "cnxv2_mm.FCMAE", "backbone": backbone, "init_cfg": init_cfg})
    model.init_weights()
    assert_loaded(model.backbone, network)


@pytest.mark.parametrize(
    ("library", "file"),
    [
        ("mmdet", "retinanet/retinanet_r50_fpn_1x_coco.py"),
        ("mmseg", "convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py"),
    ],
)
@pytest.mark.parametrize("where", ["backbone", "model"])
def test_a_published_model_with_another_backbone_starts_from_a_config(library, file, where, official):
    """The initialiser on the backbone, or on the whole detector or segmenter around it."""
    path, network = official
    config = load_config(f"{library}::{file}")
    init_cfg = {"type": "cnxv2_mm.Pretrained", "checkpoint": path}
    config.model.backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}
    (config.model if where == "model" else config.model.backbone)["init_cfg"] = init_cfg
    if library == "mmdet":
        config.model.neck.in_channels = list(SMALL.channels)
    else:
        config.model.decode_head.in_channels = list(SMALL.channels)
        config.model.auxiliary_head.in_channels = SMALL.channels[2]
    with DefaultScope.overwrite_default_scope(library):
        model = MODELS.build(config.model)
        model.init_weights()
    assert_loaded(model.backbone, network)


def test_the_registry_knows_it_by_its_full_name():
    built = WEIGHT_INITIALIZERS.build({"type": "cnxv2_mm.Pretrained", "checkpoint": "x", "trust_pickle": True})
    assert isinstance(built, Pretrained)
    assert built.trust_pickle


def test_grn_is_dropped_only_when_asked_to(official, said):
    """Table 2f of the paper: pre-trained with GRN, fine-tuned without."""
    path, network = official
    init_cfg = {"type": "Pretrained", "checkpoint": path}
    with pytest.raises(ValueError, match=r"unknown to the backbone \(.*grn.*; to drop or add GRN on purpose, set grn="):
        ConvNeXtV2(ARCH, use_grn=False, init_cfg=init_cfg).init_weights()
    backbone = ConvNeXtV2(ARCH, use_grn=False, init_cfg={**init_cfg, "grn": "drop"})
    backbone.init_weights()
    assert_loaded(backbone, network)
    number = sum(".grn." in name for name in network)
    assert f"not used from the file: {number + 2} tensors (2 classifier, {number} GRN, by grn='drop')" in said()


def test_grn_is_added_only_when_asked_to(tmp_path, said):
    """Table 2f of the paper: pre-trained without GRN, fine-tuned with it; it starts as the identity."""
    network = {name: tensor for name, tensor in random_network().items() if ".grn." not in name}
    torch.save(in_dialect(network, "official"), tmp_path / "v1.pth")
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "v1.pth")}
    with pytest.raises(ValueError, match=r"missing \(.*grn.*; to drop or add GRN on purpose, set grn='drop' or 'add'"):
        ConvNeXtV2(ARCH, init_cfg=init_cfg).init_weights()
    backbone = ConvNeXtV2(ARCH, init_cfg={**init_cfg, "grn": "add"})
    backbone.init_weights()
    state = backbone.state_dict()
    assert_loaded(backbone, network | {f"backbone.{n}": torch.zeros_like(t) for n, t in state.items() if ".grn." in n})
    plain = ConvNeXtV2(ARCH, use_grn=False, init_cfg=init_cfg)
    plain.init_weights()
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(backbone(images)[3], plain(images)[3])
    assert "left as initialised: stages.0.0.grn.gamma, stages.0.0.grn.beta, " in said()


@pytest.mark.parametrize(
    ("grn", "use_grn", "message"),
    [
        (
            "add",
            True,
            "grn='add' needs a GRN that only the model has, and the file not; here it is in the model and",
        ),
        (
            "drop",
            True,
            "grn='drop' needs a GRN that only the file has, .*; here it is in the model and in the file",
        ),
        ("add", False, "grn='add' needs a GRN that only the model has, .*; here it is in the file: leave grn out"),
        ("keep", True, "grn='keep' must be 'drop', 'add' or None"),
    ],
)
def test_a_difference_that_is_not_there_cannot_be_asked_for(official, grn, use_grn, message):
    init_cfg = {"type": "Pretrained", "checkpoint": official[0], "grn": grn}
    with pytest.raises(ValueError, match=message):
        ConvNeXtV2(ARCH, use_grn=use_grn, init_cfg=init_cfg).init_weights()


@pytest.mark.parametrize("grn", ["drop", "add"])
def test_no_other_difference_is_let_through(official, tmp_path, grn):
    path, network = official
    if grn == "add":
        path = str(tmp_path / "v1.pth")
        network = {name: tensor for name, tensor in network.items() if ".grn." not in name}
        torch.save(in_dialect(network, "official"), path)
    init_cfg = {"type": "Pretrained", "checkpoint": path, "grn": grn}
    backbone = ConvNeXtV2(ARCH, use_grn=grn == "add", layer_scale_init_value=1e-6, init_cfg=init_cfg)
    with pytest.raises(ValueError, match=r"tensors: 5 missing \(stages.0.0.gamma; .*\); set arch"):
        backbone.init_weights()
