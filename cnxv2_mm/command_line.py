"""What every command shares: a mistake of its user is one line, and a traceback only if asked for; text as it is."""

import argparse
import atexit
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

# What checks raise, ours and the libraries': wrong values, files that are missing or cannot be written, packages that
# are not installed, type names that no registry knows, losses that are not finite. Arguments that a config's class
# does not take come on top. Anything else is a bug, whose traceback is wanted.
USER_ERRORS = (ValueError, OSError, ImportError, KeyError, FloatingPointError)
_OPTION = "--traceback"


def add_traceback_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that :func:`run` looks for."""
    parser.add_argument(
        _OPTION, action="store_true", help="show where in the code an error arose, not its message alone"
    )


def command(name: str) -> str:
    """Return how a user starts another of our commands: as this one was started.

    Args:
        name: Of the file in ``tools/``, without its ending, which is the name in ``cnxv2`` too.
    """
    return f"cnxv2 {name}" if sys.argv[0].startswith("cnxv2 ") else f"python tools/{name}.py"


def console(**options: Any) -> Console:
    """Return a console that prints paths and names as they are: ``[/bold]`` and ``:x:`` are part of them, no markup.

    Args:
        options: See ``rich.console.Console``.
    """
    return Console(markup=False, emoji=False, **options)


def run(tool: str, main: Callable[[], Any]) -> None:
    """Run a command and end the process: status 0, or the number that ``main`` returns, or 1 after an error.

    Args:
        tool: The command's name, which the message begins with.
        main: The command; it reads ``sys.argv``.
    """
    try:
        status = main()
    except Exception as error:
        if _OPTION not in sys.argv and (isinstance(error, USER_ERRORS) or _is_wrong_argument(error)):
            _end(f"{tool}: {message(error)}\n({_OPTION} shows where this arose.)")
        if _is_alone():
            raise
        _end(traceback.format_exc().rstrip())
    _end(status if type(status) is int else 0)


def _end(status: int | str) -> NoReturn:
    """End this process as ``sys.exit`` does: with a status, or with a text and status 1.

    One of several, as torchrun starts them, ends without taking its C++ libraries down. Threads of PyTorch's
    communication sometimes abort a process while that is done, whether it has succeeded or has said what is wrong.
    This is seen on busy machines. What Python has to do at the end is done.
    """
    if _is_alone():
        sys.exit(status)
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")  # at once: lines of several processes are not mixed
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _is_alone() -> bool:
    return int(os.environ.get("WORLD_SIZE") or 1) == 1


def _is_wrong_argument(error: Exception) -> bool:
    """Whether a config gave arguments that a class does not take: raised by the call in mmengine's registry itself."""
    if not isinstance(error, TypeError):
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Path(frame.filename).parts[-3:] == ("mmengine", "registry", "build_functions.py")


def message(error: BaseException) -> str:
    """Return the text of an error; its class alone where it has no text."""
    # str() of a KeyError is the repr of its text.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if text.startswith("Caught ") and "in DataLoader worker process" in text.partition("\n")[0]:
        # Torch repeats an error of a worker as text: its traceback, whose last line is "Class: message".
        text = text.strip().splitlines()[-1].partition(": ")[2]
    return text.strip() or type(error).__name__
