"""What every command does with a mistake of its user: it prints one line, and a traceback only if asked for one."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

# What checks raise, ours and the libraries': wrong values, files that are missing or cannot be written, packages that
# are not installed, type names that no registry knows, losses that are not finite. Anything else is a bug, whose
# traceback is wanted.
USER_ERRORS = (ValueError, OSError, ImportError, KeyError, FloatingPointError)
_OPTION = "--traceback"


def add_traceback_option(parser: argparse.ArgumentParser) -> None:
    """Adds the option that :func:`run` looks for."""
    parser.add_argument(
        _OPTION, action="store_true", help="show where in the code an error arose, not its message alone"
    )


def run(tool: str, main: Callable[[], Any]) -> None:
    """Runs a command and ends the process: status 0, or the number that ``main`` returns, or 1 after an error.

    Args:
        tool: The command's name, which the message begins with.
        main: The command; it reads ``sys.argv``.
    """
    try:
        status = main()
    except USER_ERRORS as error:
        if _OPTION in sys.argv:
            raise
        sys.exit(f"{tool}: {message(error)}\n({_OPTION} shows where this arose.)")
    sys.exit(status if type(status) is int else 0)


def message(error: BaseException) -> str:
    """The text of an error; its class alone where it has no text."""
    # str() of a KeyError is the repr of its text.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.strip() or type(error).__name__
