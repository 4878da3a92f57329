"""Models that start from a file: the backbone is loaded whole, anything else is an error that says why."""

import logging
from types import SimpleNamespace

import pytest
import timm
import torch
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from torch import nn

from cnxv2_mm import FCMAE, ConvNeXtV2, FCMAEDecoder
from cnxv2_mm.checkpoints import DIALECTS, load
from tests.checkpoints.peers import (
    BUILDERS,
    HOLDS_CLASSIFIER,
    HOLDS_V1,
    HOLDS_V2,
    SMALL,
    build_mmpretrain,
    held_by,
    in_dialect,
    network_for,
    random_decoder,
    random_network,
)
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
    network = network_for(dialect) | random_decoder()
    form = {} if dialect in HOLDS_V2 else {"use_grn": False, "layer_scale_init_value": 1e-6}
    backbone = ConvNeXtV2(ARCH, **form)
    load(backbone, save(in_dialect(network, dialect), tmp_path / "file.pth"), prefix=prefix)
    for name, tensor in backbone.state_dict().items():
        if name.startswith("norm") and f"backbone.{name}" not in held_by(dialect, network):
            assert torch.equal(tensor, torch.ones_like(tensor) * name.endswith("weight")), name
        else:
            assert torch.equal(tensor, network[f"backbone.{name}"]), name


@pytest.mark.parametrize("dialect", HOLDS_V1)
def test_v1_of_every_dialect_fills_the_v1_form(dialect, tmp_path):
    network = random_network(v1=True)
    backbone = ConvNeXtV2(ARCH, use_grn=False, layer_scale_init_value=1e-6, out_indices=(3,))
    load(backbone, save(in_dialect(network, dialect), tmp_path / "file.pth"))
    for name, tensor in backbone.state_dict().items():
        if f"backbone.{name}" in held_by(dialect, network):
            assert torch.equal(tensor, network[f"backbone.{name}"]), name
        else:
            assert dialect == "timm-features", name


@pytest.mark.parametrize("dialect", HOLDS_CLASSIFIER)
@pytest.mark.parametrize("backbone", ["cnxv2_mm.ConvNeXtV2", "mmpretrain.ConvNeXt"])
def test_a_classifier_is_filled_with_its_head(dialect, backbone, tmp_path):
    """Also mmpretrain's own backbone: the names of the model may be of any dialect."""
    network, v1 = network_for(dialect), dialect not in HOLDS_V2
    model = build_mmpretrain(SMALL, v1, backbone=backbone)
    load(model, save(in_dialect(network, dialect), tmp_path / "file.pth"))
    state = model.state_dict()
    assert torch.equal(state["head.fc.weight"], network["head.fc.weight"])
    assert torch.equal(state["backbone.norm3.bias"], network["backbone.norm3.bias"])
    last = "gamma" if v1 else "grn.beta"
    assert torch.equal(state[f"backbone.stages.2.1.{last}"], network[f"backbone.stages.2.1.{last}"])


@pytest.mark.parametrize("library", BUILDERS)
def test_any_library_s_own_model_is_filled(library, tmp_path):
    network = network_for(library)
    model = BUILDERS[library](SMALL, library not in HOLDS_V2)
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


@pytest.mark.parametrize(("here", "there"), [(1, 2), (2, 1)])
def test_a_decoder_of_another_depth_is_left_with_a_line(here, there, tmp_path, log):
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}
    source = FCMAE(backbone, {"width": 16, "depth": there})
    model = FCMAE(backbone, {"width": 16, "depth": here})
    before = {name: tensor.clone() for name, tensor in model.decoder.state_dict().items()}
    load(model, save(source.state_dict(), tmp_path / "file.pth"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.decoder.state_dict().items())
    assert not model.decoder.is_init
    block = "decoder.blocks.1.dwconv.weight (16, 1, 7, 7)"
    remark = f"here {block}, in the file none" if here > there else f"here none, in the file {block}"
    assert "left as initialised: decoder.mask_token, decoder.proj.weight" in log()
    assert f"(decoder: {remark})" in log()
    assert f"({len(source.decoder.state_dict())} decoder)" in log()


@pytest.mark.parametrize("prefix", ["teacher.", "teacher.backbone."])
def test_a_teacher_of_official_names_is_loaded_by_its_prefix(prefix, tmp_path):
    """As DINO saves them: the official network is called backbone, its head Identity, another head beside it."""
    teacher, student = random_network(), random_network()
    both = {
        f"{who}.backbone.{n}": t
        for who, net in (("teacher", teacher), ("student", student))
        for n, t in in_dialect(net, "official").items()
    }
    path = save(both | {"teacher.head.mlp.0.weight": torch.ones(3, 3)}, tmp_path / "dino.pth")
    backbone = ConvNeXtV2(ARCH, out_indices=(3,))
    load(backbone, path, prefix=prefix)
    assert all(torch.equal(tensor, teacher[f"backbone.{name}"]) for name, tensor in backbone.state_dict().items())
    with pytest.raises(ValueError, match=r"2 networks, under 'student\.backbone\.', 'teacher\.backbone\.': name one"):
        load(backbone, path)


def test_a_model_on_the_meta_device_is_refused(checkpoint):
    with torch.device("meta"):
        backbone = ConvNeXtV2(ARCH)
    with pytest.raises(ValueError, match=r"epoch_1\.pth' cannot fill this ConvNeXtV2: it is on the meta device"):
        load(backbone, checkpoint[0])
    backbone = backbone.to_empty(device="cpu")
    load(backbone, checkpoint[0])
    assert torch.equal(backbone.stages[2][1].grn.gamma, checkpoint[1].backbone.stages[2][1].grn.gamma)


def test_numbers_beyond_the_model_s_range_are_refused(tmp_path):
    """Oracle: IEEE 754, where 65504 is the largest number of half precision."""
    network = random_network()
    backbone = ConvNeXtV2(ARCH).half()
    network["backbone.stages.2.1.pwconv2.weight"][0, 0] = 65504
    load(backbone, save(network, tmp_path / "file.pth"))
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    network["backbone.stages.2.1.pwconv2.weight"][0, 0] = 1e6
    path = save(network | {"backbone.norm3.weight": torch.full((32,), 0.5)}, tmp_path / "file.pth")
    with pytest.raises(
        ValueError, match=r"numbers beyond the range of torch\.float16, .* in stages\.2\.1\.pwconv2\.weight: use fl"
    ):
        load(backbone, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    load(backbone.bfloat16(), path)


def test_what_no_tensor_shows_is_said(checkpoint, log):
    load(ConvNeXtV2(ARCH), checkpoint[0])
    assert "assumed, since no tensor shows them: exact GELU, norms with eps 1e-06\n" in log()
    load(ConvNeXtV2(ARCH, grn={"aggregation": "l1"}), checkpoint[0])
    assert "eps 1e-06, ResponseNorm(aggregation=l1, normalisation=divisive, residual=True) as GRN\n" in log()


def test_a_model_with_another_head_than_any_file_says_what_is_left(tmp_path, log):
    model = timm.create_model("convnext_large_mlp", depths=SMALL.depths, dims=SMALL.channels, head_hidden_size=20)
    load(model, save(in_dialect(random_network(v1=True), "timm"), tmp_path / "file.pth"))
    assert "left as initialised: head.pre_logits.fc.weight, head.pre_logits.fc.bias, head.fc.weight, head.fc.b" in log()


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
    with pytest.raises(ValueError, match=r"2 of the backbone that no dialect has a name for \(stages\.0\.adapter"):
        load(backbone, checkpoint[0])
    del backbone.stages[0].adapter
    backbone.adapter = nn.Linear(8, 8)
    with pytest.raises(ValueError, match=r"2 of the backbone that no dialect has a name for \(adapter\.weight"):
        load(backbone, checkpoint[0])


def test_a_model_without_such_a_network_is_named(checkpoint):
    with pytest.raises(
        ValueError, match=r"^this Linear cannot be filled from checkpoint='.*epoch_1\.pth': it holds no ConvNeXt"
    ):
        load(nn.Linear(3, 3), checkpoint[0])


def test_what_is_loaded_counts_as_initialised(checkpoint):
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 24})
    load(model, checkpoint[0])
    assert model.backbone.is_init
    assert not model.decoder.is_init
    assert isinstance(model.decoder, FCMAEDecoder)
