"""What was decided for a run, and why: as a table in the terminal, and as a file that the report page shows."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from cnxv2_mm.machine import this_machine
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.training.saving import write_whole
from cnxv2_mm.version import __version__

_LIBRARIES = ("torch", "torchvision", "mmengine", "mmcv", "mmdet", "mmseg", "mmpretrain")


@dataclass(frozen=True)
class Setting:
    """One decision.

    Attributes:
        name: What it is about, in the words of the field: 'learning rate'.
        value: What was decided, as text, with its unit.
        why: Where it comes from, in one sentence or less: an option, the data, the machine, a table of the paper.
    """

    name: str
    value: str
    why: str


def print_settings(console: Console, settings: Sequence[Setting]) -> None:
    """Print the settings as a table.

    Args:
        console: One of :func:`cnxv2_mm.command_line.console`.
        settings: What was decided, in the order to print.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "value", "why"):
        table.add_column(column, overflow="fold")
    for setting in settings:
        table.add_row(setting.name, setting.value, setting.why)
    console.print(table)


def write_settings(
    folder: RunFolder, task: str, command: str, settings: Sequence[Setting], next_commands: Sequence[str]
) -> None:
    """Write ``settings.json`` of a run folder, whole or not at all.

    The file has the keys task, command, settings, machine, versions and next. From then on the folder holds a run.

    Args:
        folder: The run folder.
        task: 'pretrain', 'detect', 'segment' or 'classify'.
        command: What the user typed.
        settings: What was decided.
        next_commands: What the user may type next, each a whole command.
    """
    content = {
        "task": task,
        "command": command,
        "settings": [asdict(setting) for setting in settings],
        "machine": {"machine": str(this_machine())},
        "versions": _versions(),
        "next": list(next_commands),
    }
    write_whole(json.dumps(content, indent=2, ensure_ascii=False).encode(), folder.settings)


def _versions() -> dict[str, str]:
    """Return the versions of what is imported."""
    found = {"cnxv2_mm": __version__, "python": platform.python_version()}
    modules = {name: sys.modules.get(name) for name in _LIBRARIES}
    return found | {name: str(module.__version__) for name, module in modules.items() if module is not None}
