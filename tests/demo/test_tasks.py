"""The commands of the demo."""

from pathlib import Path

import pytest

from demo.tasks import PRETRAINING, TASKS
from tests.tools.conftest import load_tool


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("quick", [False, True])
def test_a_command_is_one_that_cnxv2_takes(task, quick):
    """All but the pre-training start from its folder; each writes a folder of its own."""
    command, *words = task.arguments(Path("data"), Path("work"), quick)
    args = load_tool(command).parse_args(words)
    assert args.epochs == (1 if quick else task.epochs)
    assert str(args.out) == f"work/{task.name}"
    assert args.overwrite
    if task is not PRETRAINING:
        assert words[words.index("--from") + 1] == "work/pretrain"
