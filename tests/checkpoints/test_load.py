"""Models that start from a file: the backbone is loaded whole, anything else is an error that says why."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from torch import nn

from cnxv2_mm import FCMAE, ConvNeXtV2, FCMAEDecoder
from cnxv2_mm.checkpoints import DIALECTS, load
from tests.checkpoints.peers import BUILDERS, SMALL, build_mmpretrain, in_dialect, random_decoder, random_network
from tests.conftest import wake_grn

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


@pytest.fixture
def checkpoint(tmp_path):
    """What pre-training leaves behind: a whole FCMAE under ``state_dict``."""
    model = wake_grn(FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 16}))
    path = tmp_path / "epoch_1.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": model.state_dict()}, path)
    return str(path), model


@pytest.fixture
def log(caplog, request):
    """What the loader says."""
    name = request.node.name  # the current logger is the one that was made last
    logger = MMLogger.get_instance(name, logger_name=name, log_level=logging.INFO)
    logger.addHandler(caplog.handler)
    return lambda: caplog.text


def save(tensors, path, **others):
    torch.save({"model": tensors, **others}, path)
    return str(path)


def test_the_encoder_of_a_pre_training_checkpoint_is_loaded(checkpoint):
    path, model = checkpoint
    backbone = ConvNeXtV2(ARCH)
    load(backbone, path, prefix="backbone.")
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(backbone.state_dict()[name], tensor), name


@pytest.mark.parametrize("prefix", [None, "backbone."])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_fills_a_backbone_with_or_without_the_prefix_of_openmmlab(dialect, prefix, tmp_path):
    network = random_network() | random_decoder()
    backbone = ConvNeXtV2(ARCH)
    load(backbone, save(in_dialect(network, dialect), tmp_path / "file.pth"), prefix=prefix)
    for name, tensor in backbone.state_dict().items():
        if name.startswith("norm3") and dialect != "official-sparse":
            assert torch.equal(tensor, network[f"backbone.{name}"]), name
        elif name.startswith("norm"):
            assert torch.equal(tensor, torch.ones_like(tensor) * name.endswith("weight")), name
        else:
            assert torch.equal(tensor, network[f"backbone.{name}"]), name


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "official-sparse"])
def test_v1_of_every_dialect_fills_the_v1_form(dialect, tmp_path):
    network = random_network(v1=True)
    backbone = ConvNeXtV2(ARCH, use_grn=False, layer_scale_init_value=1e-6, out_indices=(3,))
    load(backbone, save(in_dialect(network, dialect), tmp_path / "file.pth"))
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, network[f"backbone.{name}"]), name


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "official-sparse"])
@pytest.mark.parametrize("backbone", ["cnxv2_mm.ConvNeXtV2", "mmpretrain.ConvNeXt"])
def test_a_classifier_is_filled_with_its_head(dialect, backbone, tmp_path):
    """Also mmpretrain's own backbone: the names of the model may be of any dialect."""
    network = random_network()
    model = build_mmpretrain(SMALL, backbone=backbone)
    load(model, save(in_dialect(network, dialect), tmp_path / "file.pth"))
    state = model.state_dict()
    assert torch.equal(state["head.fc.weight"], network["head.fc.weight"])
    assert torch.equal(state["backbone.norm3.bias"], network["backbone.norm3.bias"])
    assert torch.equal(state["backbone.stages.2.1.grn.beta"], network["backbone.stages.2.1.grn.beta"])


@pytest.mark.parametrize("library", BUILDERS)
def test_any_library_s_own_model_is_filled(library, tmp_path):
    network = random_network()
    model = BUILDERS[library](SMALL)
    load(model, save(in_dialect(network, "official"), tmp_path / "file.pth"))
    expected = in_dialect(network, library)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_a_head_of_other_classes_is_left_with_a_line(tmp_path, log):
    path = save(in_dialect(random_network(classes=7), "timm"), tmp_path / "file.pth")
    model = build_mmpretrain(SMALL, backbone="cnxv2_mm.ConvNeXtV2")
    before = model.head.fc.weight.clone()
    load(model, path)
    assert torch.equal(model.head.fc.weight, before)
    assert (
        "left as initialised: head.fc.weight, head.fc.bias (classifier: here head.fc.weight (10, 32), "
        "in the file head.fc.weight (7, 32))" in log()
    )
    assert "not used from the file: 2 tensors (2 classifier)" in log()


def test_a_pre_trainer_is_filled_with_its_decoder(tmp_path):
    network = {n: t for n, t in random_network().items() if not n.startswith("head.")} | random_decoder()
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 16})
    load(model, save(in_dialect(network, "official-sparse"), tmp_path / "file.pth"))
    assert all(torch.equal(tensor, network[name]) for name, tensor in model.state_dict().items())


def test_a_decoder_of_another_width_is_left_with_a_line(checkpoint, log):
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 24})
    load(model, checkpoint[0])
    assert torch.equal(model.backbone.stages[2][1].grn.gamma, checkpoint[1].backbone.stages[2][1].grn.gamma)
    assert "(decoder: here decoder.mask_token" not in log()
    assert "(decoder: here decoder.proj.weight (24, 32), in the file decoder.proj.weight (16, 32))" in log()


def test_output_norms_may_be_missing_and_stages_unbuilt(checkpoint, log):
    path, model = checkpoint
    backbone = ConvNeXtV2(ARCH, out_indices=(1,))
    load(backbone, path)
    assert torch.equal(backbone.norm1.weight, torch.ones(16))
    assert torch.equal(backbone.stages[1][0].dwconv.weight, model.backbone.stages[1][0].dwconv.weight)
    assert "unbuilt stages" in log()


def test_a_backbone_of_two_stages_fills_another_one(tmp_path):
    source = wake_grn(ConvNeXtV2(ARCH, out_indices=(1,)))
    torch.save(source.state_dict(), tmp_path / "two.pth")
    backbone = ConvNeXtV2(ARCH, out_indices=(1,))
    load(backbone, tmp_path / "two.pth")
    assert torch.equal(backbone.stages[1][0].grn.gamma, source.stages[1][0].grn.gamma)


def test_the_log_accounts_for_every_tensor(checkpoint, log):
    path, model = checkpoint
    backbone = ConvNeXtV2(ARCH)
    load(backbone, path)
    encoder, total = len(model.backbone.state_dict()), len(model.state_dict())
    assert f"{encoder} of {len(backbone.state_dict())} tensors from {path} [state_dict], ours" in log()
    assert "depths (1, 1, 2, 1), channels (8, 16, 24, 32), 3 input channels, GRN" in log()
    assert f"not used from the file: {total - encoder} tensors ({total - encoder} decoder)" in log()
    assert "left as initialised: norm0.weight" in log()


def test_of_mmengine_s_two_sets_the_averaged_one_is_loaded(tmp_path):
    """Oracle: mmengine's own EMAHook, which swaps the two when it saves."""
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 16})
    hook = EMAHook(momentum=0.5)
    hook.before_run(SimpleNamespace(model=model))
    hook.ema_model.update_parameters(model)
    raw = wake_grn(model).backbone.state_dict()
    hook.ema_model.update_parameters(model)
    averaged = {name: tensor.clone() for name, tensor in hook.ema_model.module.backbone.state_dict().items()}
    content = {"state_dict": model.state_dict(), "meta": {}}
    hook.before_save_checkpoint(None, content)
    torch.save(content, tmp_path / "epoch_1.pth")
    for entry, expected in ((None, averaged), ("ema_state_dict", raw)):
        backbone = ConvNeXtV2(ARCH, out_indices=())
        load(backbone, tmp_path / "epoch_1.pth", entry=entry)
        assert all(torch.equal(tensor, expected[name]) for name, tensor in backbone.state_dict().items())
    assert not torch.equal(raw["stages.0.0.grn.gamma"], averaged["stages.0.0.grn.gamma"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"arch": {"depths": (1, 1, 3, 1), "channels": (8, 16, 24, 32)}}, r"10 missing \(stages\.2\.2\.dwconv\.weight"),
        (
            {"arch": {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}},
            r"10 unknown to the backbone \(stages\.2\.1\.",
        ),
        (
            {"in_channels": 4},
            r"1 of another shape \(downsample_layers\.0\.0\.weight \(8, 3, 4, 4\) instead of \(8, 4, 4, 4\)",
        ),
        ({"use_grn": False}, r"10 unknown to the backbone \(stages\.0\.0\.grn\.gamma"),
        ({"layer_scale_init_value": 1e-6}, r"5 missing \(stages\.0\.0\.gamma"),
    ],
)
def test_a_checkpoint_that_does_not_fit_says_where_and_changes_nothing(checkpoint, options, problem):
    backbone = ConvNeXtV2(**{"arch": ARCH, **options})
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    with pytest.raises(ValueError, match=rf"epoch_1\.pth', read as ours .* does not fit .*{problem}.*; set arch"):
        load(backbone, checkpoint[0])
    assert all(torch.equal(before[k], v) for k, v in backbone.state_dict().items())


def test_a_parameter_that_no_dialect_names_is_not_left_unloaded(checkpoint):
    backbone = ConvNeXtV2(ARCH)
    backbone.stages[0].adapter = nn.Linear(8, 8)
    with pytest.raises(ValueError, match=r"2 of the backbone without a name in any dialect \(stages\.0\.adapter"):
        load(backbone, checkpoint[0])


def test_a_model_without_such_a_network_is_named(checkpoint):
    with pytest.raises(ValueError, match=r"epoch_1\.pth' has no place in this Linear: it holds no ConvNeXt"):
        load(nn.Linear(3, 3), checkpoint[0])


def test_what_is_loaded_counts_as_initialised(checkpoint):
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 24})
    load(model, checkpoint[0])
    assert model.backbone.is_init
    assert not model.decoder.is_init
    assert isinstance(model.decoder, FCMAEDecoder)
