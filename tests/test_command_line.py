import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from cnxv2_mm.command_line import message

PACKAGE = Path(__file__).parents[1] / "cnxv2_mm"  # the file alone, which needs none of the package, starts fast

PROGRAM = """
import argparse
import command_line

def main():
    parser = argparse.ArgumentParser()
    command_line.add_traceback_option(parser)
    parser.parse_args()
    {body}

command_line.run("program", main)
"""


def run(tmp_path, body, *options):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.format(body=body))
    command = [sys.executable, str(file), *options]
    return subprocess.run(command, env={"PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("ValueError('ratio=2 is no ratio')", "program: ratio=2 is no ratio"),
        ("FileNotFoundError('no such file: x')", "program: no such file: x"),
        ("KeyError('X is not in the registry')", "program: X is not in the registry"),
        ("ValueError()", "program: ValueError"),
        ("FloatingPointError('loss=nan')", "program: loss=nan"),
    ],
)
def test_a_users_mistake_is_one_line_and_the_way_to_more(tmp_path, error, line):
    result = run(tmp_path, f"raise {error}")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [line, "(--traceback shows where this arose.)"]


def test_traceback_on_request(tmp_path):
    result = run(tmp_path, "raise ValueError('ratio=2')", "--traceback")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


BUILD = (
    "from threading import Thread; from mmengine.registry import Registry; things = Registry('thing'); "
    "things.register_module(name='T')({}); things.build(dict(type='T', size=1))"
)


def test_an_argument_that_a_configs_class_does_not_take(tmp_path):
    result = run(tmp_path, BUILD.format("Thread"))
    assert result.returncode == 1
    line = "program: Thread.__init__() got an unexpected keyword argument 'size'"
    assert result.stderr.splitlines() == [line, "(--traceback shows where this arose.)"]
    # A wrong type inside of what is called is a bug.
    assert "Traceback" in run(tmp_path, BUILD.format("lambda size: len(size)")).stderr


def test_a_bug_keeps_its_traceback(tmp_path):
    result = run(tmp_path, "raise AttributeError('bug')")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(("value", "status"), [("None", 0), ("3", 3), ("{}", 0), ("True", 0)])
def test_a_number_that_main_returns_is_the_exit_status(tmp_path, value, status):
    assert run(tmp_path, f"return {value}").returncode == status


def test_message_of_an_error_without_text():
    assert message(AssertionError()) == "AssertionError"


def test_message_of_an_error_in_a_worker():
    """Torch's own text of it, which holds the traceback."""

    class Bad(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            raise ValueError("x.tif: 4 channels")

    with pytest.raises(ValueError, match="DataLoader worker") as error:
        next(iter(DataLoader(Bad(), num_workers=1)))
    assert "Traceback" in str(error.value)
    assert message(error.value) == "x.tif: 4 channels"
