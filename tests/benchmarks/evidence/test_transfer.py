"""The demo's UperNet takes each encoder, with its weights, and trains by itself on one core."""

import pytest
import torch
from mmengine.config import Config

from benchmarks.evidence.arms import ARMS, TRANSFERS
from benchmarks.evidence.pretraining import pretrain
from benchmarks.evidence.transfer import train_upernet, write_config
from cnxv2_mm.registry import MODELS
from demo.tasks import ROOT
from tests.benchmarks.evidence.examples import TINY, digits


@pytest.mark.parametrize("transfer", TRANSFERS, ids=lambda transfer: transfer.name)
def test_the_config_has_the_encoder_and_its_weights(transfer, tmp_path):
    weights = None
    if transfer.pretrained:
        arm = next(arm for arm in ARMS if arm.name == transfer.pretrained)
        model, _ = pretrain(arm, digits()[0], 0, TINY, lambda *_: None)
        weights = tmp_path / "weights.pth"
        torch.save({"state_dict": model.state_dict()}, weights)
    write_config(transfer, weights, 5, TINY, tmp_path / "x" / "upernet.py")
    config = Config.fromfile(tmp_path / "x" / "upernet.py")
    assert config.train_cfg.max_iters == config.train_cfg.val_interval == TINY.transfer_steps
    assert config.randomness.seed == 5
    assert config.train_dataloader.dataset.data_prefix.img_path == str(ROOT / "data/demo/ade/images/training")
    segmenter = MODELS.build({**config.model, "_scope_": "mmseg"})
    segmenter.init_weights()
    assert segmenter.backbone.channels == TINY.channels
    if weights:
        own = segmenter.backbone.state_dict()
        assert all(tensor.equal(own[name]) for name, tensor in model.backbone.state_dict().items())


def test_a_training_that_fails_says_why(tmp_path):
    (tmp_path / "upernet.py").write_text("model = dict(type='NoSuchModel')\n")
    with pytest.raises(RuntimeError, match=r"tools/train\.py .*upernet\.py .*failed: "):
        train_upernet(tmp_path / "upernet.py")
