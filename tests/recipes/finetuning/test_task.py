"""What every task promises."""

import inspect

import pytest

from cnxv2_mm.recipes.finetuning.task import Task
from cnxv2_mm.recipes.finetuning.tasks import TASKS


@pytest.mark.parametrize("name", TASKS)
def test_a_task_keeps_the_protocol(name):
    task = TASKS[name]
    assert list(inspect.signature(task.plan).parameters) == list(inspect.signature(Task.plan).parameters)[1:]
    assert len({score.name for score in task.scores}) == len({score.key for score in task.scores}) == len(task.scores)
    assert all(score.unit in (1.0, 100.0) for score in task.scores)
