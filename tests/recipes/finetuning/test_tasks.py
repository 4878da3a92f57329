"""The table of tasks."""

from cnxv2_mm.recipes.finetuning.tasks import TASKS


def test_the_names_are_those_of_the_tasks():
    assert {name: task.name for name, task in TASKS.items()} == {name: name for name in TASKS}
    assert "detect" in TASKS
