"""Hooks that set learning rates. That training needs it is shown in tests/libraries/test_training.py."""

import pytest
from mmengine.config import Config

from cnxv2_mm.swap.scheduler_hooks import warm_up_all_groups


@pytest.mark.parametrize("kind", ["YOLOv5ParamSchedulerHook", "mmyolo.YOLOv5ParamSchedulerHook"])
def test_the_third_group_begins_at_zero_as_the_others_do(kind):
    config = Config({"default_hooks": {"param_scheduler": {"type": kind, "max_epochs": 9}, "timer": None}})
    (note,) = warm_up_all_groups(config)
    assert config.default_hooks.param_scheduler == {"type": kind, "max_epochs": 9, "warmup_bias_lr": 0.0}
    assert "warmup_bias_lr=0" in note


def test_other_hooks_stay():
    hooks = {"param_scheduler": {"type": "ParamSchedulerHook"}}
    config = Config({"default_hooks": hooks, "custom_hooks": [{"type": "EMAHook"}]})
    before = config.to_dict()
    assert warm_up_all_groups(config) == []
    assert config.to_dict() == before
    assert warm_up_all_groups(Config({})) == []
