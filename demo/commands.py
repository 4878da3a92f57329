"""Runs a command of ``cnxv2`` as its user would, who sees all that it prints."""

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from demo.tasks import ROOT


class CommandFailed(RuntimeError):
    """A command ended with an error, which it has printed."""


def run_command(arguments: Sequence[str], console: Console) -> float:
    """Print a command, run it, and return the seconds that it took.

    Raises CommandFailed when it does not end well.
    """
    text = f"cnxv2 {shlex.join(arguments)}"
    console.rule()
    console.print(f"$ {text}", style="bold", highlight=False, soft_wrap=True)
    started = time.monotonic()
    status = subprocess.run([sys.executable, "-m", "cnxv2_mm", *arguments], cwd=ROOT, check=False).returncode
    if status:
        raise CommandFailed(f"{text}\nended with status {status}")
    return time.monotonic() - started
