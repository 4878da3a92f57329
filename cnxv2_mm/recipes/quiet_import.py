"""Imports a library without what it prints about packages that it can do without."""

from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO


def import_quietly(*modules: str) -> None:
    """Import modules; what they print on the standard output meanwhile ("Could not import OneDL") is dropped.

    Warnings and errors go their usual way.

    Args:
        modules: Their names, such as 'mmpretrain.datasets'.

    Raises:
        ImportError: One of them cannot be imported.
    """
    with redirect_stdout(StringIO()):
        for module in modules:
            import_module(module)
