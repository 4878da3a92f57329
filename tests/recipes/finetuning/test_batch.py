"""The largest batch of a real training that fits, tried or reckoned."""

import pytest

from cnxv2_mm.recipes.finetuning import batch
from cnxv2_mm.recipes.finetuning.batch import choose_batch
from cnxv2_mm.recipes.finetuning.config_file import trial_config
from cnxv2_mm.recipes.finetuning.detection import Detection
from cnxv2_mm.recipes.finetuning.task import Wishes
from cnxv2_mm.recipes.trial import Trial


@pytest.fixture
def config(labelled, start, tmp_path):
    plan = Detection().plan(labelled, tmp_path / "out", start, Wishes(), lambda done, total: None)
    return trial_config(plan, Detection.scores[0], tmp_path)


def test_fast_steps_are_tried(config):
    trial = choose_batch(config, (1, 2))
    assert trial.batch_size == 2
    assert trial.step_seconds > 0


def test_slow_steps_are_reckoned(config, monkeypatch):
    monkeypatch.setattr(batch, "_SLOW", 0.0)
    tried = []

    def try_one(config, size):
        tried.append(size)
        return Trial(size, 3.0, 0.5, 100)

    monkeypatch.setattr(batch, "try_batch", try_one)
    trial = choose_batch(config, (1, 2, 4))
    assert tried == [1]
    assert trial == Trial(4, 12.0, 2.0, 400)
    memory = batch.this_machine().memory
    monkeypatch.setattr(batch, "try_batch", lambda config, size: Trial(size, 3.0, 0.5, int(0.2 * memory)))
    assert choose_batch(config, (1, 2, 4)).batch_size == 2
