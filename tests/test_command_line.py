import ast
import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.progress import Progress, TextColumn
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from cnxv2_mm.command_line import console, message

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cnxv2_mm"  # the file alone, which needs none of the package, starts fast

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


# What rich would read as the end of a style that never began (an error), as a style, and as a picture.
NAME = "runs[/bold]/[red]:smile:.pth"


def test_names_are_printed_as_they_are():
    text = io.StringIO()
    screen = console(file=text, width=200)
    table = Table(NAME, title=f"title {NAME}", caption=f"caption {NAME}")
    table.add_row(f"cell {NAME}")
    screen.print(table)
    screen.print(f"line {NAME}")
    with Progress(TextColumn("{task.description}", markup=False), console=screen) as progress:
        progress.add_task(f"bar {NAME}")
    for place in ("title", "caption", "cell", "line", "bar"):
        assert f"{place} {NAME}" in text.getvalue()


def test_nothing_is_printed_by_another_console():
    """Rich reads brackets in a path as its markup unless each console and each column of a bar is told otherwise."""
    wrong = []
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tools").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            plain = any(k.arg == "markup" and ast.unparse(k.value) == "False" for k in getattr(node, "keywords", ()))
            if name in ("Console", "TextColumn") and not plain:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []


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


@pytest.mark.parametrize(
    ("processes", "end", "status", "message"),
    [
        ("1", "return 3", -6, ""),
        ("2", "return 3", 3, ""),
        ("2", "raise ValueError('wrong size')", 1, "program: wrong size\n"),
        ("2", "raise RuntimeError('a bug')", 1, "Traceback (most recent call last):\n"),
    ],
)
def test_one_of_several_processes_ends_whatever_a_library_does_at_its_end(tmp_path, processes, end, status, message):
    """libc's atexit stands for a C++ library that aborts while it is taken down; Python's own runs all the same."""
    body = (
        "import atexit, ctypes, os; os.environ['WORLD_SIZE'] = {!r}; libc = ctypes.CDLL(None); "
        "libc.atexit(libc.abort) if hasattr(libc, 'atexit') else libc.__cxa_atexit(libc.abort, None, None); "
        "atexit.register(print, 'cleaned'); print('done', end=' '); {}"
    )
    result = run(tmp_path, body.format(processes, end))
    assert result.stdout == "done cleaned\n"
    assert result.stderr.startswith(message)
    assert result.returncode == status
