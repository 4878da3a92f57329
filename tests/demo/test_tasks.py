"""The trainings of the demo."""

from pathlib import Path

import pytest

from cnxv2_mm.config.load import load_config
from demo.tasks import PRETRAINING, TASKS, WEIGHTS


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("quick", [False, True])
def test_the_changes_fit_the_config(task, quick):
    """Every changed key is one that the config has; all but the pre-training start from its weights."""
    options = dict(option.split("=") for option in task.options(Path("work"), quick))
    config = load_config(str(task.config))
    for key in options:
        at = config
        for name in key.split(".")[:-1]:
            assert name in at, key
            at = at[name]
    found = options.get("model.backbone.init_cfg.checkpoint")
    assert found == (None if task is PRETRAINING else f"work/{PRETRAINING.name}/{WEIGHTS}")
    assert ("train_cfg.max_iters" in options) == quick
