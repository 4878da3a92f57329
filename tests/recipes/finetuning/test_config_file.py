"""The config as a file: it says what was decided, and any OpenMMLab tool reads it."""

import pytest
from mmengine.config import Config

from cnxv2_mm.recipes.finetuning import config_file
from cnxv2_mm.recipes.finetuning.config_file import learning_rate, momentum, trial_config
from cnxv2_mm.recipes.finetuning.detection import Detection
from cnxv2_mm.recipes.finetuning.task import Wishes


def test_the_rate_grows_with_the_root_of_the_batch(labelled, start, tmp_path):
    plan = Detection().plan(labelled, tmp_path / "out", start, Wishes(), lambda done, total: None)
    assert [learning_rate(plan, size) for size in (1, 4, 16)] == pytest.approx([5e-4, 1e-3, 2e-3])


@pytest.mark.parametrize("iterations", [1, 10, 600, 4000])
def test_the_average_is_that_of_the_last_twentieth(iterations):
    assert momentum(iterations) == pytest.approx(min(0.5, 20 / iterations), rel=0.01)


def test_mmengine_reads_it(ended):
    config = Config.fromfile(ended.config)
    assert config.train_cfg == {"by_epoch": False, "max_iters": 4, "val_interval": 2}
    assert config.train_dataloader.batch_size == 4
    assert config.default_hooks.checkpoint == {
        "type": "CheckpointHook",
        "by_epoch": False,
        "max_keep_ckpts": 1,
        "interval": 2,
        "save_best": "coco/bbox_mAP",
        "rule": "greater",
    }
    assert config.test_dataloader == config.val_dataloader
    assert config.work_dir == str(ended.config.parent / "run")
    assert config.model.data_preprocessor.mean == [120.0, 110.0, 100.0]


def test_it_is_short_and_every_part_has_a_comment(ended):
    blocks = ended.config.read_text().split("\n\n")
    assert all(block.startswith("# ") for block in blocks)
    assert sum(block.count("\n") for block in blocks) < 130


@pytest.mark.parametrize("bfloat16", [True, False])
def test_on_a_gpu_it_is_bfloat16_but_for_what_boxes_are_pooled_from(bfloat16, labelled, start, tmp_path, monkeypatch):
    """As configs/coco's largest recipes have it: no loss scaling, and the neck's maps in float32."""
    monkeypatch.setattr(config_file, "gpu_computes_bfloat16", lambda: bfloat16)
    plan = Detection().plan(labelled, tmp_path / "out", start, Wishes(), lambda done, total: None)
    config = trial_config(plan, Detection.scores[0], tmp_path)
    hooks = [hook for hook in config.custom_hooks if hook.type == "cnxv2_mm.Float32OutputHook"]
    wrapper = config.optim_wrapper
    if bfloat16:
        assert (wrapper.type, wrapper.dtype, wrapper.loss_scale) == ("AmpOptimWrapper", "bfloat16", {"enabled": False})
        assert hooks == [{"type": "cnxv2_mm.Float32OutputHook", "part": "neck"}]
    else:
        assert wrapper.type == "OptimWrapper"
        assert hooks == []
