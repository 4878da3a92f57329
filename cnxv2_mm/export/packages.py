"""The packages of ``cnxv2_mm[export]``, which are imported when an export asks for them."""

from importlib import import_module
from typing import Any


def package(name: str) -> Any:
    """Import a package that comes with ``cnxv2_mm[export]``.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f'{name} is not installed: pip install "cnxv2_mm[export]"') from None
