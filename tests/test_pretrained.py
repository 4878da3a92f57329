"""Backbones that start from a file: what fits is loaded whole, anything else is an error that says why."""

import pytest
import torch
from mmengine.logging import MMLogger

from cnxv2_mm import FCMAE, ConvNeXtV2
from tests.conftest import wake_grn

SMALL = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}


@pytest.fixture
def checkpoint(tmp_path):
    """What pre-training leaves behind: a whole FCMAE under ``state_dict``."""
    model = wake_grn(FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL}))
    path = tmp_path / "epoch_1.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": model.state_dict()}, path)
    return str(path), model


def start_from(path: str, prefix: str | None = "backbone.", **options: object) -> ConvNeXtV2:
    init_cfg = {"type": "Pretrained", "checkpoint": path, "prefix": prefix}
    backbone = ConvNeXtV2(**{"arch": SMALL, **options}, init_cfg=init_cfg)
    backbone.init_weights()
    return backbone


def test_the_encoder_of_a_pre_training_checkpoint_is_loaded(checkpoint):
    path, model = checkpoint
    backbone = start_from(path)
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(backbone.state_dict()[name], tensor), name


def test_output_norms_may_be_missing_and_stages_unbuilt(checkpoint):
    path, model = checkpoint
    backbone = start_from(path, out_indices=(1,))
    assert torch.equal(backbone.norm1.weight, torch.ones(16))
    assert torch.equal(backbone.stages[1][0].dwconv.weight, model.backbone.stages[1][0].dwconv.weight)


def test_an_official_file_is_loaded_without_a_prefix(tmp_path):
    """Official dense checkpoints hold the backbone's own names under 'model', beside norm.* and head.*."""
    source = wake_grn(ConvNeXtV2(SMALL, out_indices=()))
    tensors = {k: v.view(1, 1, 1, -1) if ".grn." in k else v for k, v in source.state_dict().items()}
    tensors |= {"norm.weight": torch.ones(32), "head.weight": torch.ones(10, 32)}
    torch.save({"model": tensors}, tmp_path / "official.pt")
    backbone = start_from(str(tmp_path / "official.pt"), prefix=None)
    assert torch.equal(backbone.stages[2][1].grn.gamma, source.stages[2][1].grn.gamma)


def test_the_log_accounts_for_every_tensor(checkpoint, caplog):
    path, model = checkpoint
    logger = MMLogger.get_instance("pretrained-test", logger_name="pretrained-test")
    logger.addHandler(caplog.handler)
    backbone = start_from(path)
    encoder, total = len(model.backbone.state_dict()), len(model.state_dict())
    assert f"{encoder} of {len(backbone.state_dict())} tensors" in caplog.text
    assert f"not used from the file: {total - encoder} tensors" in caplog.text
    assert "left as initialised: norm0.weight" in caplog.text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth' does not exist; train it first or set init_cfg"):
        start_from(str(tmp_path / "nowhere.pth"))


def test_a_wrong_prefix_names_those_that_are_there(checkpoint):
    with pytest.raises(ValueError, match=r"begins with prefix='encoder\.'; its names begin with backbone\., decoder\."):
        start_from(checkpoint[0], prefix="encoder.")


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
def test_a_checkpoint_that_does_not_fit_says_where(checkpoint, options, problem):
    with pytest.raises(ValueError, match=problem):
        start_from(checkpoint[0], **options)


def test_nothing_is_loaded_from_a_checkpoint_that_does_not_fit(checkpoint):
    init_cfg = {"type": "Pretrained", "checkpoint": checkpoint[0], "prefix": "backbone."}
    backbone = ConvNeXtV2(SMALL, in_channels=4, init_cfg=init_cfg)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    with pytest.raises(ValueError, match="does not fit"):
        backbone.init_weights()
    assert all(torch.equal(before[k], v) for k, v in backbone.state_dict().items())


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match="holds no tensors"):
        start_from(str(tmp_path / "empty.pth"))


def test_other_initialisations_are_mmengine_s_own():
    backbone = ConvNeXtV2(SMALL, init_cfg={"type": "Constant", "layer": "Linear", "val": 0.5, "bias": 0.25})
    backbone.init_weights()
    assert (backbone.stages[0][0].pwconv1.weight == 0.5).all()
